import type { Blob } from './blobs.ts'
import type { Registry } from './registry.ts'
import { selectRepositoriesHolding } from './revision-rows.ts'

/**
 * Makes staged, synced and hashed bytes the ones under their digest; durable on return. Where they heal what was missing or
 * damaged, the rows that tell so are no longer believed, in whichever repository. Under the digest's lock.
 */
export async function commitBytes(registry: Registry, staged: string, { digest, size }: Blob): Promise<void> {
  const isHealed = registry.damage.has(digest) || (await registry.blobs.findSize(digest)) !== size
  await registry.blobs.commit(staged, digest, size)
  registry.damage.clear(digest)
  if (!isHealed) return
  registry.settlement.heals++
  for (const name of registry.rows.read((index) => selectRepositoriesHolding(index, digest))) registry.settlement.settled.delete(name)
}

/** As `commitBytes`, for bytes that were staged for it alone: what fails leaves none of them behind. */
export async function commitStaged(registry: Registry, staged: string, blob: Blob): Promise<void> {
  try {
    await commitBytes(registry, staged, blob)
  } catch (error) {
    await registry.volume.removeTree(staged)
    throw error
  }
}
