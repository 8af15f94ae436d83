import { sql } from 'kysely'
import type { IndexDatabase } from '../metadata/connect.ts'
import { type Digest, digestAlgorithm, digestHex } from '../oci/digest.ts'
import type { Descriptor } from '../oci/manifest.ts'
import type { RepositoryName } from '../oci/name.ts'
import { findTagName } from '../oci/reference.ts'
import { repositoryFolder } from '../volume/layout.ts'
import type { Registry } from './registry.ts'
import { UNREADABLE } from './revision-rows.ts'
import { readSettled } from './settle.ts'
import { findServedManifest } from './stored-manifests.ts'
import { findTag } from './tags.ts'

const MOST = 100_000 // for a caller that asks for no page

/** As distribution-spec v1.1.1, Listing Referrers, wants it in an index. */
export interface ReferrerDescriptor extends Descriptor {
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

export interface ReferrerFilter {
  readonly artifactType?: string
  readonly limit?: number
  /** Only digests that sort after it. */
  readonly after?: string
}

/**
 * Manifests of the repository whose `subject` is the digest, with those that a `sha256-<hex>` fallback tag lists, in the
 * order of their digests. An empty list when there are none, or no such repository.
 */
export async function listReferrers(
  registry: Registry,
  repository: RepositoryName,
  subject: Digest,
  { artifactType, limit = MOST, after = '' }: ReferrerFilter,
): Promise<{ descriptors: ReferrerDescriptor[]; more: boolean }> {
  if (!(await registry.volume.driver.stat(repositoryFolder(repository)))) return { descriptors: [], more: false }
  const fallback = await findFallbackDigests(registry, repository, subject)
  const wanted: Wanted = { repository, subject, fallback, artifactType, after, limit: limit + 1 }
  const found = await readSettled(registry, repository, (index) => selectReferrers(index, wanted))
  return { descriptors: found.slice(0, limit), more: found.length > limit }
}

/** Clients that met a registry without this API kept the list in an index under a tag; distribution-spec v1.1.1, Referrers Tag Schema. */
async function findFallbackDigests(registry: Registry, repository: RepositoryName, subject: Digest): Promise<Digest[]> {
  const tag = findTagName(`${digestAlgorithm(subject)}-${digestHex(subject).slice(0, 64)}`)
  const digest = tag && (await findTag(registry, repository, tag))
  const index = digest && (await findServedManifest(registry, digest))
  return index ? index.parsed.children.map((child) => child.digest) : []
}

interface Wanted {
  readonly repository: RepositoryName
  readonly subject: Digest
  readonly fallback: readonly Digest[]
  readonly artifactType: string | undefined
  readonly after: string
  readonly limit: number
}

/** @NOTE the fallback's digests come as one parameter: a client chose how many there are. */
function selectReferrers(index: IndexDatabase, { repository, subject, fallback, artifactType, after, limit }: Wanted): ReferrerDescriptor[] {
  const listed = sql<boolean>`manifest.digest in (select value from json_each(${JSON.stringify(fallback)}))`
  const query = index.build
    .selectFrom('manifest')
    .innerJoin('repository', 'repository.id', 'manifest.repository_id')
    .select(['manifest.digest', 'media_type', 'artifact_type', 'annotations', 'size'])
    .where('repository.name', '=', repository)
    .where('media_type', '!=', UNREADABLE)
    .where('manifest.digest', '>', after)
    .where(({ or, eb }) => or([eb('subject', '=', subject), listed]))
    .$if(Boolean(artifactType), (all) => all.where('artifact_type', '=', artifactType ?? ''))
    .limit(limit)
    .orderBy('manifest.digest')
  return index.all(query).map((row) => ({
    mediaType: row.media_type,
    digest: row.digest as Digest,
    size: row.size,
    ...(row.artifact_type === null ? {} : { artifactType: row.artifact_type }),
    ...(row.annotations === null ? {} : { annotations: JSON.parse(row.annotations) as Record<string, string> }),
  }))
}
