import { setImmediate as nextTurn } from 'node:timers/promises'
import type { IndexDatabase } from '../metadata/connect.ts'
import { OciError } from '../oci/error.ts'
import type { RepositoryName } from '../oci/name.ts'
import { manifestsFolder, repositoryFolder } from '../volume/layout.ts'
import { type Registry, refuseUnlessWritable } from './registry.ts'
import { countRepositories, discoverRepositories, ensureRepository, everyRepository, findRepositoryId, listRepository } from './repositories.ts'
import type { Rows } from './rows.ts'
import {
  applyAtOnce,
  applyChanges,
  type Change,
  deleteRowsOf,
  type KnownRows,
  layerChanges,
  noRows,
  readKnownRows,
  revisionChanges,
  tagAndHistoryChanges,
} from './settle-rows.ts'

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
async function settled(registry: Registry, repository: RepositoryName): Promise<void> {
  if (registry.settlement.settled.has(repository)) return
  await registry.locks.repository.run(repository, () => settleUnderLock(registry, repository))
}

/** Reads rows of a repository that agree with the volume at this moment. */
export async function readSettled<T>(registry: Registry, repository: RepositoryName, read: (index: IndexDatabase) => T): Promise<T> {
  await settled(registry, repository)
  if (!registry.settlement.settled.has(repository)) await settled(registry, repository) // the index was replaced in between
  return registry.rows.read(read)
}

/** Takes back that a repository's rows, and the durability of its last commit, may be believed. */
function distrust(registry: Registry, repository: RepositoryName): void {
  registry.settlement.settled.delete(repository)
  registry.settlement.failed.add(repository)
}

const SETTLERS = 4

/** Settles every repository of the volume, a few at a time, each behind whatever else wants it. Reports how far it is. */
export async function settleAll(registry: Registry): Promise<void> {
  const { signal } = registry.settlement.stop
  await discoverRepositories(registry)
  const names = everyRepository(registry)
  const total = countRepositories(registry)
  let done = 0
  const settler = async (): Promise<void> => {
    for await (const repository of { [Symbol.asyncIterator]: () => ({ next: () => names.next() }) }) {
      if (signal.aborted) return
      await settled(registry, repository).catch((cause: unknown) => registry.report({ kind: 'settle-failed', repository, cause }))
      if (++done % 500 === 0) registry.report({ kind: 'settling', settled: done, repositories: total })
      await nextTurn()
    }
  }
  await Promise.all(Array.from({ length: SETTLERS }, settler))
  if (!signal.aborted) registry.report({ kind: 'settling', settled: done, repositories: Math.max(done, total) })
}

/** Makes a repository's rows equal to the volume, unless they are believed. Returns how many had to change. Under the repository's lock. */
export async function settleUnderLock(registry: Registry, repository: RepositoryName): Promise<number> {
  if (registry.settlement.settled.has(repository)) return 0
  return settleAfresh(registry, repository)
}

/** Builds a repository's rows anew from the volume, in one step: nobody sees half of them. Under the repository's lock. */
export async function rebuildUnderLock(registry: Registry, repository: RepositoryName): Promise<void> {
  await settleAfresh(registry, repository, { isRebuilt: true })
}

/** Begins again when the index is replaced meanwhile: an empty one must not pass for a repository without content. */
async function settleAfresh(registry: Registry, repository: RepositoryName, { isRebuilt = false } = {}): Promise<number> {
  const { settlement, rows, volume } = registry
  if (settlement.failed.has(repository)) await volume.driver.syncAll() // what a failed commit renamed may be seen but not durable
  for (;;) {
    const { generation } = rows
    const { heals } = settlement
    const id = await findOrMakeId(registry, repository)
    if (id === undefined) break // a name that does not exist leaves nothing behind
    settlement.doubtful.delete(repository)
    const known = isRebuilt ? noRows(id) : readKnownRows(registry, id)
    const changes = await findChanges(registry, repository, known)
    const apply = async (): Promise<void> =>
      isRebuilt ? applyAtOnce(rows, [(index) => deleteRowsOf(index, id), ...changes]) : applyChanges(registry, generation, changes)
    if (rows.generation === generation) await applyUnlessReplaced(rows, generation, apply)
    if (rows.generation !== generation || settlement.heals !== heals) continue
    believe(registry, repository)
    return changes.length
  }
  settlement.failed.delete(repository)
  return 0
}

function believe({ settlement, clock }: Registry, repository: RepositoryName): void {
  settlement.failed.delete(repository)
  settlement.settled.add(repository)
  if (!settlement.firstSeen.has(repository)) settlement.firstSeen.set(repository, clock.monotonic())
}

/** What fails because the index was replaced by an empty one begins again with that. */
async function applyUnlessReplaced(rows: Rows, generation: number, apply: () => Promise<void>): Promise<void> {
  try {
    await apply()
  } catch (error) {
    if (rows.generation === generation) throw error
  }
}

async function findOrMakeId({ volume: { driver }, rows }: Registry, repository: RepositoryName): Promise<number | undefined> {
  const isListed = (await driver.stat(manifestsFolder(repository))) !== undefined
  if (!isListed && !(await driver.stat(repositoryFolder(repository)))) return undefined
  const known = rows.read((index) => findRepositoryId(index, repository, { isListed }))
  return known ?? rows.change((index) => (isListed ? listRepository : ensureRepository)(index, repository))
}

async function findChanges(registry: Registry, repository: RepositoryName, known: KnownRows): Promise<Change[]> {
  const revisions = await revisionChanges(registry, repository, known)
  const layers = await layerChanges(registry, repository, known)
  return [...revisions, ...layers, ...(await tagAndHistoryChanges(registry, repository, known))]
}
