import type { Endpoint } from './endpoint.ts'

const WAIT_MOST_MS = 60_000

/**
 * How long to wait before the next try after so many failures in a row: not at all below the threshold and `backoff` at it,
 * as Distribution; then twice as long each time, up to a minute (or `backoff`, if that is longer), and up to a fifth longer
 * by chance, so that many registries do not come back at once.
 *
 * @param random at least 0 and below 1
 */
export function waitMsAfter(failures: number, { threshold, backoffMs }: Pick<Endpoint, 'threshold' | 'backoffMs'>, random: number): number {
  const late = failures - threshold
  if (late < 0) return 0
  if (late === 0) return backoffMs
  return Math.min(Math.max(WAIT_MOST_MS, backoffMs), backoffMs * 2 ** Math.min(late, 30)) * (1 + random / 5)
}
