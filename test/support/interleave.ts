import assert from 'node:assert/strict'
import { OciError } from '../../src/oci/error.ts'
import { closeRegistry, type Registry } from '../../src/registry/registry.ts'
import { settleAll } from '../../src/registry/settle.ts'
import type { Driver } from '../../src/volume/driver.ts'
import { type Explored, explore } from './explore.ts'
import { rebuiltRows } from './failures.ts'
import { Ledger } from './ledger.ts'
import { openOn } from './on-driver.ts'
import { fingerprint, PowerCutDriver } from './power-cut.ts'
import { Turns } from './turns.ts'
import { rowsOf, verifyPromises } from './verify.ts'

/** What actors work with. Time stands still while they run, long after what was prepared. */
export interface Stage {
  readonly registry: Registry
  readonly ledger: Ledger
  /** A point where an actor lets others go first. */
  readonly pause: (name: string) => Promise<void>
}

export interface Interleaving {
  readonly prepare: (registry: Registry, ledger: Ledger) => Promise<void>
  readonly actors: (stage: Stage) => Readonly<Record<string, () => Promise<void>>>
  /** Whether rows are yet to be read from the volume when the actors start. */
  readonly isUnsettled?: boolean
}

const LATER = 1_000_000
export const GRACE_MS = 1000

/**
 * Runs the actors in different orders. After each: they ended well or with a refusal, what was promised is there and survives a power cut,
 * the rows are those of the volume, and no lock is held.
 */
export async function interleave(interleaving: Interleaving, options: { readonly limit: number; readonly seed: number }): Promise<Explored> {
  let time = 0
  const clock = { now: () => time, monotonic: () => time }
  const prepared = { volume: new PowerCutDriver(clock.now), ledger: new Ledger() }
  const first = await openOn(prepared.volume, { clock })
  await interleaving.prepare(first, prepared.ledger)
  closeRegistry(first)
  const verified = new Set<string>()
  return explore(options, async (choose) => {
    time = 0
    const volume = prepared.volume.fork()
    const ledger = prepared.ledger.copy()
    const turns = new Turns()
    const registry = await openOn(turns.drive(volume), { clock })
    if (!interleaving.isUnsettled) await settleAll(registry)
    time = LATER
    const actors = interleaving.actors({ registry, ledger, pause: (name) => turns.pause(name) })
    try {
      refuseTrouble(await turns.run(actors, choose))
      await verifyAfter(registry, { volume, ledger, verified })
    } catch (cause) {
      throw new Error(`${(cause as Error).message}\nafter these turns:\n${turns.trace.join('\n')}`, { cause })
    }
  })
}

interface End {
  readonly volume: PowerCutDriver
  readonly ledger: Ledger
  /** Ends that were verified already: many orders end alike. */
  readonly verified: Set<string>
}

async function verifyAfter(registry: Registry, { volume, ledger, verified }: End): Promise<void> {
  assert.equal(registry.locks.digest.size + registry.locks.repository.size, 0, 'a lock is held though nobody works')
  await verifyPromises(registry, ledger)
  await settleAll(registry)
  const rows = rowsOf(registry)
  closeRegistry(registry)
  const survivors = [...volume.survivors({ limit: 2, seed: 1 })]
  const end = [...survivors.map(fingerprint), ...rows, ledger].join('\n')
  if (verified.has(end)) return
  verified.add(end)
  assert.deepEqual(rows, await rebuiltRows(volume))
  for (const survivor of survivors) await verifyRestart(survivor, ledger)
}

async function verifyRestart(survivor: Driver, ledger: Ledger): Promise<void> {
  const restarted = await openOn(survivor)
  await verifyPromises(restarted, ledger)
  closeRegistry(restarted)
}

/** A refusal is an answer; anything else is trouble. */
function refuseTrouble(results: Readonly<Record<string, PromiseSettledResult<unknown>>>): void {
  for (const [actor, result] of Object.entries(results)) {
    if (result.status === 'fulfilled' || (result.reason instanceof OciError && result.reason.status < 500)) continue
    throw new Error(`${actor} failed: ${(result.reason as Error).message}`, { cause: result.reason })
  }
}
