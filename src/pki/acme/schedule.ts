import { z } from 'zod'
import type { RenewalInfo } from './renewal-info.ts'

/** What outlives a restart: what was tried, and when to go on. Times in milliseconds since 1970. */
export const scheduleSchema = z.object({
  /** Tries in a row that failed. */
  failures: z.number(),
  /** No order before this. */
  retryAt: z.number(),
  /** What the last try was for, and how: another wish may be tried at once. */
  tried: z.string(),
  lastFailure: z.object({ at: z.number(), message: z.string(), hint: z.string(), isRateLimit: z.boolean() }).optional(),
  renewal: z
    .object({
      /** SHA-256 of the certificate that the plan is for. */
      fingerprint: z.string(),
      at: z.number(),
      /** The window that the server suggested, if it did. */
      start: z.number().optional(),
      end: z.number().optional(),
      /** When to ask the server (again) when it wants the renewal. */
      askAgainAt: z.number(),
    })
    .optional(),
})

export type Schedule = z.output<typeof scheduleSchema>
export type Renewal = NonNullable<Schedule['renewal']>

export const emptySchedule: Schedule = { failures: 0, retryAt: 0, tried: '' }

/** A certificate as far as time goes. */
export interface Lifetime {
  readonly fingerprint: string
  readonly from: number
  readonly until: number
}

const MINUTE_MS = 60 * 1000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const FIRST_WAIT_MS = 2 * MINUTE_MS // Let's Encrypt allows five failures a name and hour, which this makes in the first
const LONGEST_WAIT_MS = 12 * HOUR_MS
const HONOURED_MS = 7 * DAY_MS // the longest of Let's Encrypt's limits

/** After two thirds of its life, and up to a thirtieth later by chance, so that not all the world comes at once. */
export function planRenewal({ fingerprint, from, until }: Lifetime, random: number): Renewal {
  return { fingerprint, at: from + (until - from) * (2 / 3 + random / 30), askAgainAt: 0 }
}

/** A moment in the server's window, chosen once; never so late that a failure could not be mended before the end. RFC 9773, 4.2. */
export function followServer(
  renewal: Renewal,
  { start, end, askAgainMs }: RenewalInfo,
  life: Lifetime,
  { now, random }: { now: number; random: number },
): Renewal {
  const askAgainAt = now + askAgainMs
  if (renewal.start === start && renewal.end === end) return { ...renewal, askAgainAt }
  const latest = life.until - (life.until - life.from) / 10
  return { ...renewal, start, end, at: Math.min(start + (end - start) * random, latest), askAgainAt }
}

/** Twice as long after each failure, and as long as the server wants at least; a fifth longer by chance. */
export function afterFailure(schedule: Schedule, failure: Failure, { now, random }: { now: number; random: number }): Schedule {
  const failures = schedule.failures + 1
  const { message, hint, tried, retryAfterMs = 0, isRateLimit } = failure
  const waitMs = Math.min(FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 30), LONGEST_WAIT_MS) * (1 + random / 5)
  const retryAt = now + Math.max(waitMs, Math.min(retryAfterMs, HONOURED_MS))
  return { ...schedule, failures, retryAt, tried, lastFailure: { at: now, message, hint, isRateLimit } }
}

export interface Failure {
  readonly message: string
  readonly hint: string
  readonly tried: string
  readonly retryAfterMs?: number | undefined
  readonly isRateLimit: boolean
}

/** When an order may be placed: at once for another wish than the one that failed, unless the server has asked for patience. */
export function mayOrderAt({ retryAt, tried, lastFailure }: Schedule, wish: string, now: number): number {
  if (tried !== wish && !lastFailure?.isRateLimit) return 0
  return retryAt > now + HONOURED_MS + LONGEST_WAIT_MS ? 0 : retryAt // a clock that was wrong must not hold us for years
}
