import type { IndexDatabase } from '../metadata/connect.ts'
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import { layerLink } from '../volume/layout.ts'
import type { Blob } from './blobs.ts'
import type { Registry } from './registry.ts'
import { ensureRepository, findRepositoryId } from './repositories.ts'
import { withRepository } from './settle.ts'

/**
 * Makes a blob part of a repository, durably, or renews the link that is there, so that its grace before collection begins
 * again. Under the digest's lock, with the bytes durable.
 */
export async function linkLayer(registry: Registry, repository: RepositoryName, { digest, size }: Blob): Promise<void> {
  await withRepository(registry, repository, async () => {
    await registry.links.affirm(layerLink(repository, digest), digest, registry.clock.now())
    registry.rows.change((index) => insertLayer(index, ensureRepository(index, repository), { digest, target: digest, size }))
  })
}

/** Takes a blob out of a repository, durably; its bytes stay for collection. `false` when it was not in it. Under the repository's lock. */
export async function unlinkLayer(registry: Registry, repository: RepositoryName, digest: Digest): Promise<boolean> {
  const wasThere = await registry.links.remove(layerLink(repository, digest))
  registry.rows.change((index) => deleteLayer(index, findRepositoryId(index, repository), digest))
  return wasThere
}

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
