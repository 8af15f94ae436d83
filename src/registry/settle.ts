import { setImmediate as nextTurn } from 'node:timers/promises'
import { OciError } from '../oci/error.ts'
import type { RepositoryName } from '../oci/name.ts'
import { manifestsFolder, repositoryFolder } from '../volume/layout.ts'
import { type Registry, refuseUnlessWritable } from './registry.ts'
import { countRepositories, discoverRepositories, ensureRepository, everyRepository, findRepositoryId, listRepository } from './repositories.ts'
import { applyChanges, layerChanges, revisionChanges, tagAndHistoryChanges } from './settle-rows.ts'

/**
 * Runs `work` with the repository's lock and rows that agree with the volume. When `work` fails by anything but a refusal,
 * the rows are no longer believed: a commit may have gone half-way.
 */
export async function withRepository<T>(registry: Registry, repository: RepositoryName, work: () => Promise<T>): Promise<T> {
  return registry.locks.repository.run(repository, async () => {
    refuseUnlessWritable(registry)
    await settleUnderLock(registry, repository)
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof OciError)) distrust(registry, repository)
      throw error
    }
  })
}

/** Resolves when the repository's rows agree with the volume. */
export async function settled(registry: Registry, repository: RepositoryName): Promise<void> {
  if (registry.settlement.settled.has(repository)) return
  await registry.locks.repository.run(repository, () => settleUnderLock(registry, repository))
}

/** Takes back that a repository's rows, and the durability of its last commit, may be believed. */
function distrust(registry: Registry, repository: RepositoryName): void {
  registry.settlement.settled.delete(repository)
  registry.settlement.failed.add(repository)
}

const SETTLERS = 4

/** Settles every repository of the volume, a few at a time, each behind whatever else wants it. Reports how far it is. */
export async function settleAll(registry: Registry, isStopped: () => boolean = () => registry.settlement.stop.signal.aborted): Promise<void> {
  await discoverRepositories(registry)
  const names = everyRepository(registry)
  const total = countRepositories(registry)
  let done = 0
  const settler = async (): Promise<void> => {
    for await (const repository of { [Symbol.asyncIterator]: () => ({ next: () => names.next() }) }) {
      if (isStopped()) return
      await settled(registry, repository).catch((cause: unknown) => registry.report({ kind: 'settle-failed', repository, cause }))
      if (++done % 500 === 0) registry.report({ kind: 'settling', settled: done, repositories: total })
      await nextTurn()
    }
  }
  await Promise.all(Array.from({ length: SETTLERS }, settler))
  if (!isStopped()) registry.report({ kind: 'settling', settled: done, repositories: Math.max(done, total) })
}

/** Returns how many rows had to change. */
export async function settleUnderLock(registry: Registry, repository: RepositoryName): Promise<number> {
  const { settlement, rows, volume, clock } = registry
  if (settlement.settled.has(repository)) return 0
  if (settlement.failed.has(repository)) await volume.driver.syncAll() // what a failed commit renamed may be seen but not durable
  const isListed = (await volume.driver.stat(manifestsFolder(repository))) !== undefined
  if (!isListed && !(await volume.driver.stat(repositoryFolder(repository)))) return 0 // a name that does not exist leaves nothing behind
  const id =
    rows.read((index) => findRepositoryId(index, repository, { isListed })) ??
    rows.change((index) => (isListed ? listRepository : ensureRepository)(index, repository))
  settlement.doubtful.delete(repository)
  const revisions = await revisionChanges(registry, repository, id)
  const layers = await layerChanges(registry, repository, id)
  const tags = await tagAndHistoryChanges(registry, repository, id)
  const changed = await applyChanges(registry, [...revisions, ...layers, ...tags])
  settlement.failed.delete(repository)
  settlement.settled.set(repository, clock.monotonic())
  return changed
}
