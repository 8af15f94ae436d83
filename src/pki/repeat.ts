import { setTimeout as delay } from 'node:timers/promises'

/** Waits for so many milliseconds, or rejects when the signal comes. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<unknown>

/** Keeps no process alive. */
export const sleep: Sleep = (ms, signal) => delay(ms, undefined, { signal, ref: false })

/** Takes a step, waits for the milliseconds that it gives, and so on until the signal comes. A step must not reject. */
export async function repeat(step: () => Promise<number>, sleepFor: Sleep, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const waitMs = await step()
    await sleepFor(waitMs, signal).catch(() => undefined)
  }
}
