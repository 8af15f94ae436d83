import { closeRegistry, type Registry } from '../../src/registry/registry.ts'
import { settleAll } from '../../src/registry/settle.ts'
import type { Driver } from '../../src/volume/driver.ts'
import { MemoryDriver } from '../../src/volume/memory.ts'
import { INDEX_FATES, type IndexFate, IndexHistory } from './index-history.ts'
import { formatOperation, intercepted, isChange } from './intercepted.ts'
import { Ledger } from './ledger.ts'
import { openOn } from './on-driver.ts'
import { fingerprint, PowerCutDriver } from './power-cut.ts'
import { verifyPromises } from './verify.ts'

export interface Scenario {
  /** What is there, acknowledged and durable, before the cuts begin. */
  readonly prepare?: (registry: Registry, ledger: Ledger) => Promise<void>
  /** What is cut at each step. */
  readonly act: (registry: Registry, ledger: Ledger) => Promise<void>
  /** What is done after a restart to see that service goes on; all of it must be acknowledged. */
  readonly again: (registry: Registry, ledger: Ledger) => Promise<void>
}

/** A moment between two changes of the volume. */
export interface Moment {
  /** The change that did not happen any more. */
  readonly before: string
  readonly volume: PowerCutDriver
  readonly ledger: Ledger
  readonly commits: number
}

type Act = (registry: Registry, ledger: Ledger) => Promise<void>

/** Runs a scenario once and keeps every moment of its `act`. */
async function momentsOf(scenario: Scenario, index: IndexHistory): Promise<Moment[]> {
  const volume = new PowerCutDriver()
  const ledger = new Ledger()
  if (scenario.prepare) await recorded({ volume, ledger, index }, scenario.prepare)
  await volume.syncAll()
  return recorded({ volume, ledger, index }, scenario.act)
}

/** Opens a registry, and keeps every moment from then until `act` is done. */
async function recorded({ volume, ledger, index }: { volume: PowerCutDriver; ledger: Ledger; index: IndexHistory }, act: Act): Promise<Moment[]> {
  const moments: Moment[] = []
  const keep = (before: string): unknown => moments.push({ before, volume: volume.fork(), ledger: ledger.copy(), commits: index.commits })
  const watched = intercepted(volume, async (operation, proceed) => {
    if (isChange(operation)) keep(formatOperation(operation))
    return await proceed()
  })
  const registry = await openOn(watched, { index: index.open })
  try {
    await act(registry, ledger)
  } finally {
    closeRegistry(registry)
  }
  keep('the end')
  return moments
}

export interface CutCount {
  readonly moments: number
  readonly cuts: number
  /** Volumes that were different from each other, and were verified. */
  readonly survivors: number
}

export interface CutOptions {
  /** Survivors of one moment, at most. */
  readonly limit: number
  readonly seed: number
}

/** Cuts the power at each moment, and verifies what each of the possible survivors shows. */
export async function cutEverywhere(scenario: Scenario, options: CutOptions): Promise<CutCount> {
  using index = new IndexHistory()
  const moments = await momentsOf(scenario, index)
  const verified = new Set<string>()
  let cuts = 0
  for (const [number, moment] of moments.entries()) cuts += await cutAt(scenario, moment, index, verified, { ...options, seed: options.seed + number })
  return { moments: moments.length, cuts, survivors: verified.size }
}

async function cutAt(scenario: Scenario, moment: Moment, index: IndexHistory, verified: Set<string>, options: CutOptions): Promise<number> {
  let cuts = 0
  for (const survivor of moment.volume.survivors(options)) {
    const isExtreme = cuts < 2 // nothing that was not synced is there, or everything
    const fates = isExtreme ? INDEX_FATES : [INDEX_FATES[cuts % INDEX_FATES.length] as IndexFate]
    const print = fingerprint(survivor)
    for (const fate of fates) {
      cuts++
      const key = `${print} ${fate} ${moment.commits} ${moment.ledger}`
      if (verified.has(key)) continue
      verified.add(key)
      await restart(scenario, copyOf(survivor), moment, () => index.reopen(moment.commits, fate)).catch((cause: unknown) => {
        throw new Error(`power cut before ${moment.before}, index ${fate}: ${(cause as Error).message}`, { cause })
      })
    }
  }
  return cuts
}

/** Starts on what is left, verifies, goes on, verifies again. */
async function restart(scenario: Scenario, volume: Driver, moment: Moment, index: () => ReturnType<IndexHistory['open']>): Promise<void> {
  const ledger = moment.ledger.copy()
  const registry = await openOn(volume, { index })
  try {
    await verifyPromises(registry, ledger)
    await scenario.again(registry, ledger)
    await settleAll(registry)
    await verifyPromises(registry, ledger)
  } finally {
    closeRegistry(registry)
  }
}

function copyOf(survivor: MemoryDriver): Driver {
  return new PowerCutDriver(Date.now, new MemoryDriver(Date.now, survivor.root)).fork()
}

/**
 * Kills the process at every `everyKill`th moment (what it wrote stays, synced or not), starts again, goes on, and cuts the power at the end of that and at
 * every `every`th moment of it.
 */
export async function killEverywhereThenCut(
  scenario: Scenario,
  { limit, seed, every, everyKill }: CutOptions & { readonly every: number; readonly everyKill: number },
): Promise<CutCount & { readonly kills: number }> {
  using index = new IndexHistory()
  const moments = await momentsOf(scenario, index)
  const kills = moments.filter((_moment, at) => at % everyKill === 0)
  const total = { moments: 0, cuts: 0, survivors: 0, kills: kills.length }
  for (const [number, { before, volume, ledger, commits }] of kills.entries()) {
    using later = new IndexHistory({ history: index, commits })
    const after = await recorded({ volume, ledger, index: later }, scenario.again)
    const cut = after.filter((_moment, at) => at === after.length - 1 || (at + number) % every === 0)
    const verified = new Set<string>()
    for (const moment of cut) {
      const named = { ...moment, before: `${moment.before}, after a kill before ${before}` }
      total.cuts += await cutAt(scenario, named, later, verified, { limit, seed: seed + number })
    }
    total.moments += cut.length
    total.survivors += verified.size
  }
  return total
}
