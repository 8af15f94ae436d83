import assert from 'node:assert/strict'
import type { IndexDatabase } from '../../src/metadata/connect.ts'
import { OciError } from '../../src/oci/error.ts'
import { closeRegistry, type Registry } from '../../src/registry/registry.ts'
import { settleAll } from '../../src/registry/settle.ts'
import type { Driver } from '../../src/volume/driver.ts'
import type { Scenario } from './cuts.ts'
import { type Fault, failing } from './failing.ts'
import { formatOperation } from './intercepted.ts'
import { Ledger } from './ledger.ts'
import { emptyIndex, openOn } from './on-driver.ts'
import { PowerCutDriver } from './power-cut.ts'
import { rowsOf, verifyPromises } from './verify.ts'

interface Prepared {
  readonly volume: PowerCutDriver
  readonly ledger: Ledger
}

export interface FailOptions {
  readonly fault: Exclude<Fault, 'killed'>
  /** Only every so many changes. */
  readonly every: number
}

/** Lets changes of a scenario's `act` fail in turn. Returns how many did. */
export async function failEverywhere(scenario: Scenario, { fault, every }: FailOptions): Promise<number> {
  const prepared = await prepare(scenario)
  for (let at = 0; ; at += every) {
    const volume = prepared.volume.fork()
    const faulty = failing(volume, fault)
    const registry = await openOn(faulty.driver)
    const ledger = prepared.ledger.copy()
    faulty.failAt(at)
    await scenario.act(registry, ledger).catch((error: unknown) => assert.ok(isExpected(error, fault), error as Error))
    const failed = faulty.failed()
    if (!failed) {
      closeRegistry(registry)
      return Math.ceil(at / every)
    }
    await goOn(scenario, { volume, ledger }, registry).catch((cause: unknown) => {
      throw new Error(`after ${fault} at ${formatOperation(failed)}: ${(cause as Error).message}`, { cause })
    })
  }
}

/** Lets each commit of rows of a scenario's `act` fail in turn. Returns how many there were. */
export async function failEveryCommit(scenario: Scenario): Promise<number> {
  const prepared = await prepare(scenario)
  for (let at = 0; ; at++) {
    const volume = prepared.volume.fork()
    const index = new FailingIndex()
    const registry = await openOn(volume, { index: index.open })
    const ledger = prepared.ledger.copy()
    index.failAt(at)
    await scenario.act(registry, ledger).catch((error: unknown) => assert.equal((error as NodeJS.ErrnoException).code, 'ERR_SQLITE_ERROR'))
    if (!index.hasFailed) {
      closeRegistry(registry)
      return at
    }
    await goOn(scenario, { volume, ledger }, registry).catch((cause: unknown) => {
      throw new Error(`after commit ${at} failed: ${(cause as Error).message}`, { cause })
    })
  }
}

/** Lets changes of a start on a volume with something on it fail in turn; the next start must do. Returns how many did. */
export async function failEveryStart(scenario: Scenario, { fault, every }: FailOptions): Promise<number> {
  const prepared = await prepare(scenario)
  for (let at = 0; ; at += every) {
    const volume = prepared.volume.fork()
    const faulty = failing(volume, fault)
    faulty.failAt(at)
    const started = await openOn(faulty.driver).catch((error: unknown) => assert.ok(isExpected(error, fault), error as Error))
    if (started && faulty.failed()) await verifyPromises(started, prepared.ledger)
    if (started) closeRegistry(started)
    if (!faulty.failed()) return Math.ceil(at / every)
    await goOn(scenario, { volume, ledger: prepared.ledger.copy() }, await openOn(volume))
  }
}

async function prepare(scenario: Scenario): Promise<Prepared> {
  const volume = new PowerCutDriver()
  const ledger = new Ledger()
  const registry = await openOn(volume)
  await scenario.prepare?.(registry, ledger)
  closeRegistry(registry)
  await volume.syncAll()
  return { volume, ledger }
}

/** The failure is over: what was promised is there, the next push works, its rows are right, and what it promised survives a power cut. */
async function goOn(scenario: Scenario, { volume, ledger }: Prepared, registry: Registry): Promise<void> {
  await cut(volume, ledger)
  await verifyPromises(registry, ledger)
  await scenario.again(registry, ledger)
  await verifyPromises(registry, ledger)
  await settleAll(registry)
  assert.deepEqual(rowsOf(registry), await rebuiltRows(volume))
  closeRegistry(registry)
  await cut(volume, ledger)
}

async function cut(volume: PowerCutDriver, ledger: Ledger): Promise<void> {
  for (const survivor of volume.survivors({ limit: 6, seed: 7 })) {
    const registry = await openOn(survivor)
    await verifyPromises(registry, ledger)
    closeRegistry(registry)
  }
}

/** The rows a new index has after all of a copy of the volume was read. */
export function rebuiltRows(volume: PowerCutDriver): Promise<string[]> {
  return rebuiltRowsOf(volume.fork())
}

/** The rows a new index has after all of the volume was read. */
export async function rebuiltRowsOf(volume: Driver): Promise<string[]> {
  const registry = await openOn(volume)
  await settleAll(registry)
  const rows = rowsOf(registry)
  closeRegistry(registry)
  return rows
}

function isExpected(error: unknown, fault: Fault): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === fault || (error instanceof OciError && error.status >= 500) || (error as { cause?: NodeJS.ErrnoException }).cause?.code === fault
}

/** An index of which one commit fails, as on a full disk. */
class FailingIndex {
  #left = Number.POSITIVE_INFINITY
  hasFailed = false

  failAt(commit: number): void {
    this.#left = commit
  }

  open = (): IndexDatabase => {
    const index = emptyIndex()
    const transaction = index.transaction.bind(index)
    index.transaction = (work) =>
      transaction(() => {
        const result = work()
        if (this.#left-- === 0) this.#fail()
        return result
      })
    return index
  }

  #fail(): never {
    this.hasFailed = true
    throw Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 })
  }
}
