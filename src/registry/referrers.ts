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
  { artifactType, limit = Number.POSITIVE_INFINITY, after = '' }: ReferrerFilter,
): Promise<{ descriptors: ReferrerDescriptor[]; more: boolean }> {
  if (!(await registry.volume.driver.stat(repositoryFolder(repository)))) return { descriptors: [], more: false }
  const fallback = await findFallbackDigests(registry, repository, subject)
  const all = await readSettled(registry, repository, (index) => selectReferrers(index, repository, subject, fallback))
  const wanted = all.filter((referrer) => referrer.digest > after && (!artifactType || referrer.artifactType === artifactType))
  return { descriptors: wanted.slice(0, limit), more: wanted.length > limit }
}

/** Clients that met a registry without this API kept the list in an index under a tag; distribution-spec v1.1.1, Referrers Tag Schema. */
async function findFallbackDigests(registry: Registry, repository: RepositoryName, subject: Digest): Promise<Digest[]> {
  const tag = findTagName(`${digestAlgorithm(subject)}-${digestHex(subject).slice(0, 64)}`)
  const digest = tag && (await findTag(registry, repository, tag))
  const index = digest && (await findServedManifest(registry, digest))
  return index ? index.parsed.children.map((child) => child.digest) : []
}

function selectReferrers(index: IndexDatabase, repository: RepositoryName, subject: Digest, fallback: readonly Digest[]): ReferrerDescriptor[] {
  const query = index.build
    .selectFrom('manifest')
    .innerJoin('repository', 'repository.id', 'manifest.repository_id')
    .select(['manifest.digest', 'media_type', 'artifact_type', 'annotations', 'size'])
    .where('repository.name', '=', repository)
    .where('media_type', '!=', UNREADABLE)
    .where(({ or, eb }) => or([eb('subject', '=', subject), ...(fallback.length > 0 ? [eb('manifest.digest', 'in', fallback)] : [])]))
    .orderBy('manifest.digest')
  return index.all(query).map((row) => ({
    mediaType: row.media_type,
    digest: row.digest as Digest,
    size: row.size,
    ...(row.artifact_type === null ? {} : { artifactType: row.artifact_type }),
    ...(row.annotations === null ? {} : { annotations: JSON.parse(row.annotations) as Record<string, string> }),
  }))
}
