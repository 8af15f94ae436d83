import { type CollectionSummary, collectGarbage } from './collect-garbage.ts'
import type { Registry } from './registry.ts'
import { settleAll } from './settle.ts'
import { type SweptUpload, sweepUploads } from './sweep.ts'

export interface HousekeepingOptions {
  /** Unfinished uploads; times in milliseconds. */
  readonly purge: { readonly enabled: boolean; readonly age: number; readonly interval: number; readonly dryrun: boolean }
  /** Collection by itself; an interval of 0 is never. */
  readonly gc: { readonly grace: number; readonly interval: number }
  readonly onSwept: (upload: SweptUpload) => void
  readonly onCollected: (summary: CollectionSummary) => void
  readonly onFailure: (task: string, cause: unknown) => void
}

const FIRST_PURGE_MS = 60_000 // Distribution waits up to an hour, so that replicas do not purge together; here there is one

/** What a server does by itself: settles its rows now, purges old uploads and collects garbage now and then. Ends with the registry. */
export function startHousekeeping(registry: Registry, options: HousekeepingOptions): void {
  const { signal } = registry.settlement.stop
  const attempt = (task: string, work: () => Promise<unknown>) => work().catch((cause: unknown) => signal.aborted || options.onFailure(task, cause))
  void attempt('settle', () => settleAll(registry))
  const { purge, gc } = options
  const sweep = () => attempt('purge uploads', () => sweepUploads(registry, { ageMs: purge.age, dryRun: purge.dryrun, onSwept: options.onSwept }))
  const collect = () => attempt('collect garbage', async () => options.onCollected(await collectGarbage(registry, { graceMs: gc.grace, isServing: true })))
  if (purge.enabled) repeat(Math.min(FIRST_PURGE_MS, purge.interval), purge.interval, sweep, signal)
  if (gc.interval > 0) repeat(gc.interval, gc.interval, collect, signal)
}

/** Runs `work` after `firstMs`, and again `intervalMs` after each end of it, without keeping the process alive. */
function repeat(firstMs: number, intervalMs: number, work: () => Promise<unknown>, signal: AbortSignal): void {
  const timer = setTimeout(() => void work().then(() => signal.aborted || repeat(intervalMs, intervalMs, work, signal)), Math.min(firstMs, 2 ** 31 - 1))
  timer.unref()
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
}
