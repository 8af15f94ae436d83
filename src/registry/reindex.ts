import type { Registry } from './registry.ts'
import { countRepositories, everyRepository } from './repositories.ts'
import { rebuildUnderLock } from './settle.ts'

/**
 * Builds all rows anew from the volume, a repository at a time, which also sees what was edited by hand. Everybody is served
 * meanwhile, from the rows before or those after.
 *
 * @returns how many repositories have rows now.
 */
export async function reindex(registry: Registry): Promise<number> {
  registry.links.forgetAll()
  registry.manifests.clear()
  registry.settlement.discovery = undefined
  for await (const repository of everyRepository(registry)) {
    await registry.locks.repository.run(repository, () => rebuildUnderLock(registry, repository))
  }
  return countRepositories(registry)
}
