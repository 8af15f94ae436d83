import type { IndexDatabase } from '../metadata/connect.ts'
import type { Digest } from '../oci/digest.ts'
import type { ParsedManifest } from '../oci/manifest.ts'

/** A manifest's row: what its bytes say, for lists. */
export interface RevisionRow {
  readonly digest: Digest
  readonly size: number
  readonly parsed: ParsedManifest
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

export function selectRevisions(index: IndexDatabase, repositoryId: number): { readonly digest: Digest; readonly size: number }[] {
  const query = index.build.selectFrom('manifest').select(['digest', 'size']).where('repository_id', '=', repositoryId)
  return index.all(query) as { digest: Digest; size: number }[]
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
