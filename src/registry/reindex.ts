import type { Registry } from './registry.ts'
import { countRepositories } from './repositories.ts'
import { settleAll } from './settle.ts'

/**
 * Throws every row away and builds them from the volume, which also sees what was edited by hand. Pulls go on; lists and
 * pushes wait for the repository they are about.
 *
 * @returns how many repositories have rows now.
 */
export async function reindex(registry: Registry): Promise<number> {
  registry.links.forgetAll()
  registry.manifests.clear()
  registry.settlement.settled.clear()
  registry.settlement.discovery = undefined
  registry.rows.generation++
  registry.rows.change((index) => index.run(index.build.deleteFrom('repository')))
  await settleAll(registry)
  return countRepositories(registry)
}
