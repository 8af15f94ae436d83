import type { IndexDatabase } from '../metadata/connect.ts'
import type { Digest } from '../oci/digest.ts'
import type { ParsedManifest } from '../oci/manifest.ts'
import type { RepositoryName } from '../oci/name.ts'

/** A manifest's row: what its bytes say, for lists. */
export interface RevisionRow {
  readonly digest: Digest
  readonly size: number
  readonly parsed: ParsedManifest
}

/** The media type of a row whose revision link is there but whose bytes are missing, damaged or no manifest that we read. */
export const UNREADABLE = ''

/** Inside a transaction. A revision that cannot be read has a row all the same: nothing of its repository may be collected. */
export function insertUnreadableRevision(index: IndexDatabase, repository_id: number, digest: Digest): void {
  deleteRevision(index, repository_id, digest)
  const empty = { artifact_type: null, subject: null, annotations: null, size: -1 }
  index.run(index.build.insertInto('manifest').values({ repository_id, digest, media_type: UNREADABLE, ...empty }))
}

export function hasUnreadableRevisions(index: IndexDatabase, repositoryId: number): boolean {
  const query = index.build.selectFrom('manifest').select('digest').where('repository_id', '=', repositoryId)
  return index.first(query.where('media_type', '=', UNREADABLE)) !== undefined
}

/** Inside a transaction. */
export function insertRevision(index: IndexDatabase, repository_id: number, { digest, size, parsed }: RevisionRow): void {
  const row = {
    media_type: parsed.mediaType,
    artifact_type: parsed.artifactType ?? null,
    subject: parsed.subject?.digest ?? null,
    annotations: parsed.annotations ? JSON.stringify(parsed.annotations) : null,
    size,
  }
  const query = index.build.insertInto('manifest').values({ repository_id, digest, ...row })
  index.run(query.onConflict((on) => on.columns(['repository_id', 'digest']).doUpdateSet(row)))
  for (const named of new Set(referencesOf(parsed))) {
    const reference = index.build.insertInto('manifest_reference').values({ repository_id, manifest: digest, digest: named })
    index.run(reference.onConflict((on) => on.doNothing()))
  }
}

/** Inside a transaction. */
export function deleteRevision(index: IndexDatabase, repositoryId: number | undefined, digest: Digest): void {
  if (repositoryId === undefined) return
  index.run(index.build.deleteFrom('manifest').where('repository_id', '=', repositoryId).where('digest', '=', digest))
  index.run(index.build.deleteFrom('manifest_reference').where('repository_id', '=', repositoryId).where('manifest', '=', digest))
}

/** Sizes are -1 for those that could not be read. */
export function selectRevisions(index: IndexDatabase, repositoryId: number): { readonly digest: Digest; readonly size: number }[] {
  const query = index.build.selectFrom('manifest').select(['digest', 'size']).where('repository_id', '=', repositoryId)
  return index.all(query) as { digest: Digest; size: number }[]
}

export interface RevisionLinks {
  readonly digest: Digest
  readonly subject: Digest | null
  readonly isTagged: boolean
}

/** Every manifest of a repository with what keeps it alive. */
export function selectRevisionLinks(index: IndexDatabase, repositoryId: number): RevisionLinks[] {
  const query = index.build
    .selectFrom('manifest')
    .leftJoin('tag', (join) => join.onRef('tag.repository_id', '=', 'manifest.repository_id').onRef('tag.digest', '=', 'manifest.digest'))
    .select(['manifest.digest', 'manifest.subject', ({ fn }) => fn.count<number>('tag.name').as('tags')])
    .where('manifest.repository_id', '=', repositoryId)
    .groupBy('manifest.digest')
  return index.all(query).map(({ digest, subject, tags }) => ({ digest: digest as Digest, subject: subject as Digest | null, isTagged: tags > 0 }))
}

/** What a manifest of the repository names. */
export function selectReferences(index: IndexDatabase, repositoryId: number, manifest: Digest): Digest[] {
  const query = index.build.selectFrom('manifest_reference').select('digest').where('repository_id', '=', repositoryId)
  return index.all(query.where('manifest', '=', manifest)).map(({ digest }) => digest as Digest)
}

/** A link that keeps a digest's bytes: its own layer or revision link, or the revision link of a manifest that names it. */
export interface Holder {
  readonly repository_id: number
  readonly kind: 'layer' | 'revision'
  /** The digest in the link's path. */
  readonly link: string
}

/** Every link, of whichever repository, that keeps a digest's bytes. */
export function selectHolders(index: IndexDatabase, digest: Digest): Holder[] {
  const { build } = index
  const layers = build.selectFrom('repository_blob').where('target', '=', digest)
  const manifests = build.selectFrom('manifest').where('digest', '=', digest)
  const references = build.selectFrom('manifest_reference').where('digest', '=', digest)
  const query = layers
    .select(['repository_id', 'digest as link', ({ val }) => val<Holder['kind']>('layer').as('kind')])
    .unionAll(manifests.select(['repository_id', 'digest as link', ({ val }) => val<Holder['kind']>('revision').as('kind')]))
    .unionAll(references.select(['repository_id', 'manifest as link', ({ val }) => val<Holder['kind']>('revision').as('kind')]))
  return index.all(query)
}

/** Repositories with a layer or revision link to a digest's bytes. */
export function selectRepositoriesHolding(index: IndexDatabase, digest: Digest): RepositoryName[] {
  const { build } = index
  const layers = build.selectFrom('repository_blob').select('repository_id').where('target', '=', digest)
  const manifests = build.selectFrom('manifest').select('repository_id').where('digest', '=', digest)
  const query = build.selectFrom('repository').select('name').where('id', 'in', layers.union(manifests))
  return index.all(query).map(({ name }) => name as RepositoryName)
}

/** Whether a manifest of the repository, other than itself, names the digest. */
export function isReferenced(index: IndexDatabase, repositoryId: number, digest: Digest): boolean {
  const query = index.build.selectFrom('manifest_reference').select('digest').where('digest', '=', digest)
  return index.first(query.where('repository_id', '=', repositoryId).where('manifest', '!=', digest)) !== undefined
}

/** What must stay for the manifest to be whole: config, layers (those that may be elsewhere too, when they are here) and children. */
function referencesOf({ config, layers, foreignLayers, children }: ParsedManifest): Digest[] {
  return [...(config ? [config] : []), ...layers, ...foreignLayers, ...children].map(({ digest }) => digest)
}
