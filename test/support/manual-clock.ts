import type { Clock } from '../../src/registry/registry.ts'

/** Stands still until it is moved. */
export class ManualClock implements Clock {
  #now: number
  #monotonic = 1000

  constructor(now = Date.parse('2026-01-01T00:00:00Z')) {
    this.#now = now
  }

  now = (): number => this.#now

  monotonic = (): number => this.#monotonic

  advance(ms: number): void {
    this.#now += ms
    this.#monotonic += ms
  }

  /** Somebody sets the date; the time that has passed stays what it is. */
  setDate(ms: number): void {
    this.#now = ms
  }
}
