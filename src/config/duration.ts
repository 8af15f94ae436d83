const UNITS_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const DURATION = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g

/**
 * Milliseconds of a duration in Go's syntax (`168h`, `1h30m`, `1.5s`), rounded up; `undefined` if it is none.
 *
 * @see https://pkg.go.dev/time#ParseDuration
 */
export function findDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0
  if (!DURATION.test(text)) return undefined
  const total = [...text.matchAll(PART)].reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS_MS[unit ?? ''] ?? 0), 0)
  return text.startsWith('-') ? -Math.ceil(total) : Math.ceil(total)
}

/** Milliseconds of Go's integer form, nanoseconds. */
export function fromNanoseconds(nanoseconds: number): number {
  return Math.ceil(nanoseconds / 1e6)
}

/** Go's syntax for milliseconds, in the widest units: `168h`, `1m30s`, `250ms`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s'
  const parts: string[] = []
  let rest = milliseconds
  for (const unit of ['h', 'm', 's', 'ms']) {
    const size = UNITS_MS[unit] ?? 1
    const amount = Math.floor(rest / size)
    rest -= amount * size
    if (amount > 0) parts.push(`${amount}${unit}`)
  }
  return parts.join('')
}
