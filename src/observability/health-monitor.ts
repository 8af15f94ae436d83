import type { HealthCheck } from './health-checks.ts'

/** Calls `work` every so often until what it returns is called. */
export type Repeat = (intervalMs: number, work: () => void) => () => void

interface Standing {
  failures: number
  reason: string | undefined
}

/** What an operator sees when `/debug/health/down` was asked for; the name and reason are Distribution's. */
const MANUAL = { name: 'manual_http_status', reason: 'Manual Check' } as const

/** Looks at each check now and then, and remembers what failed. */
export class HealthMonitor {
  readonly #checks: readonly { readonly check: HealthCheck; readonly standing: Standing }[]
  readonly #stops: (() => void)[] = []
  #isDown = false

  constructor(checks: readonly HealthCheck[]) {
    this.#checks = checks.map((check) => ({ check, standing: { failures: 0, reason: undefined } }))
  }

  /** The first look comes after one interval, as in Distribution. */
  start(repeat: Repeat = repeatQuietly): void {
    for (const { check, standing } of this.#checks) {
      let isLooking = false // one that hangs is not asked again meanwhile
      const turn = async (): Promise<void> => {
        if (isLooking) return
        isLooking = true
        note(standing, await look(check, () => (isLooking = false)))
      }
      this.#stops.push(repeat(check.intervalMs, () => void turn()))
    }
  }

  /** Each failing check with what is the matter; empty when all is well. */
  failing(): Readonly<Record<string, string>> {
    const failing = this.#checks.flatMap(({ check, standing }) => {
      const isOver = standing.reason !== undefined && standing.failures >= check.threshold
      return isOver ? [[check.name, standing.reason]] : []
    })
    return Object.fromEntries(this.#isDown ? [[MANUAL.name, MANUAL.reason], ...failing] : failing)
  }

  /** An operator takes the registry out of service, or puts it back. */
  setDown(isDown: boolean): void {
    this.#isDown = isDown
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops) stop()
  }
}

function note(standing: Standing, reason: string | undefined): void {
  standing.failures = reason === undefined ? 0 : standing.failures + 1
  standing.reason = reason
}

/** What is the matter, or `undefined`. Returns in time even when the check hangs; `onEnd` tells when that has ended too. */
async function look({ look, timeoutMs }: HealthCheck, onEnd: () => void): Promise<string | undefined> {
  const signal = AbortSignal.timeout(timeoutMs)
  const late = new Promise<string>((resolve) => signal.addEventListener('abort', () => resolve(`no answer within ${timeoutMs} ms`), { once: true }))
  const seen = look(signal)
    .then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    .finally(onEnd)
  return Promise.race([seen, late])
}

function repeatQuietly(intervalMs: number, work: () => void): () => void {
  const timer = setInterval(work, Math.min(intervalMs, 2 ** 31 - 1))
  timer.unref()
  return () => clearInterval(timer)
}
