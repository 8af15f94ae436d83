import type { IndexDatabase } from '../metadata/connect.ts'
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'

export interface LayerRow {
  readonly digest: Digest
  readonly target: Digest
  readonly size: number
}

export function insertLayer(index: IndexDatabase, repository_id: number, layer: LayerRow): void {
  const { target, size } = layer
  const query = index.build.insertInto('repository_blob').values({ repository_id, ...layer })
  index.run(query.onConflict((on) => on.columns(['repository_id', 'digest']).doUpdateSet({ target, size })))
}

export function deleteLayer(index: IndexDatabase, repositoryId: number | undefined, digest: Digest): void {
  if (repositoryId === undefined) return
  index.run(index.build.deleteFrom('repository_blob').where('repository_id', '=', repositoryId).where('digest', '=', digest))
}

export function selectLayers(index: IndexDatabase, repositoryId: number): LayerRow[] {
  const query = index.build.selectFrom('repository_blob').select(['digest', 'target', 'size']).where('repository_id', '=', repositoryId)
  return index.all(query) as LayerRow[]
}

/** Names of repositories whose layer link names these bytes. */
export function selectRepositoriesWith(index: IndexDatabase, digest: Digest): RepositoryName[] {
  const query = index.build
    .selectFrom('repository_blob')
    .innerJoin('repository', 'repository.id', 'repository_blob.repository_id')
    .select('repository.name')
    .where('repository_blob.target', '=', digest)
    .orderBy('repository.name')
    .limit(100)
  return index.all(query).map(({ name }) => name as RepositoryName)
}

/** Whether a tag points to a layer link's bytes that no revision link stands for. */
export function hasTaggedLayers(index: IndexDatabase, repositoryId: number): boolean {
  const query = index.build
    .selectFrom('tag')
    .innerJoin('repository_blob as layer', (join) => join.onRef('layer.repository_id', '=', 'tag.repository_id').onRef('layer.digest', '=', 'tag.digest'))
    .leftJoin('manifest', (join) => join.onRef('manifest.repository_id', '=', 'tag.repository_id').onRef('manifest.digest', '=', 'tag.digest'))
    .select('tag.name')
    .where('tag.repository_id', '=', repositoryId)
    .where('manifest.digest', 'is', null)
  return index.first(query) !== undefined
}
