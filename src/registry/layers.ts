import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import { layerLink } from '../volume/layout.ts'
import { deleteLayer, insertLayer, type LayerRow } from './layer-rows.ts'
import type { Registry } from './registry.ts'
import { ensureRepository, findRepositoryId } from './repositories.ts'
import { withRepository } from './settle.ts'

/**
 * Makes a blob part of a repository, durably, or renews the link that is there, so that its grace before collection begins
 * again. Under the digest's lock, with the bytes durable.
 */
export async function linkLayer(registry: Registry, repository: RepositoryName, { digest, size }: Pick<LayerRow, 'digest' | 'size'>): Promise<void> {
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
