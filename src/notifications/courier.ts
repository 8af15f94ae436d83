import { setTimeout as delay } from 'node:timers/promises'
import { waitMsAfter } from './backoff.ts'
import { addressOf, type Endpoint } from './endpoint.ts'
import { formatEnvelope } from './event.ts'
import type { Outbox } from './outbox.ts'
import type { Outcome, Post } from './post.ts'

/** A line for the log. */
export interface Remark {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface CourierOptions {
  readonly endpoint: Endpoint
  readonly outbox: Outbox
  readonly post: Post
  readonly remark: (remark: Remark) => void
}

/** How deliveries go, since the start of this process. Times in milliseconds since 1970. */
export interface CourierRecord {
  /** Tries that were accepted, that were answered otherwise, and that had no answer. */
  successes: number
  refusals: number
  errors: number
  /** Answers, such as `200 OK`. */
  readonly statuses: Record<string, number>
  /** Tries in a row that failed, up to now. */
  failuresInRow: number
  lastFailure: { readonly at: number; readonly reason: string } | undefined
  /** When the next try begins, while it waits. */
  nextTryAt: number | undefined
}

/** Brings one endpoint its events, one after another, each until it is accepted. */
export class Courier {
  readonly record: CourierRecord = {
    successes: 0,
    refusals: 0,
    errors: 0,
    statuses: {},
    failuresInRow: 0,
    lastFailure: undefined,
    nextTryAt: undefined,
  }
  readonly #options: CourierOptions
  readonly #stop = new AbortController()
  #run: Promise<void> | undefined
  #isWoken = false

  constructor(options: CourierOptions) {
    this.#options = options
  }

  /** Events may wait. */
  wake(): void {
    this.#isWoken = true
    this.#run ??= this.#deliverAll().finally(() => {
      this.#run = undefined
    })
  }

  /** What is under way is given up, and stays in the queue. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#run
  }

  async #deliverAll(): Promise<void> {
    while (this.#isWoken && !this.#stop.signal.aborted) {
      this.#isWoken = false
      await this.#deliverWaiting().catch((error: unknown) => this.#queueFailed(error as Error))
    }
  }

  async #deliverWaiting(): Promise<void> {
    const { endpoint, outbox, post } = this.#options
    const { signal } = this.#stop
    for (let next = outbox.next(endpoint.name); next && !signal.aborted; next = outbox.next(endpoint.name)) {
      const outcome = await post(formatEnvelope(next.event), signal)
      if (signal.aborted) return
      this.#note(outcome)
      if (outcome.kind === 'accepted') outbox.delivered(endpoint.name, next.seq)
      else await this.#pause(waitMsAfter(this.record.failuresInRow, endpoint, Math.random()))
    }
  }

  #note(outcome: Outcome): void {
    const { record } = this
    if (outcome.kind !== 'failed') record.statuses[outcome.status] = (record.statuses[outcome.status] ?? 0) + 1
    if (outcome.kind === 'accepted') return this.#noteSuccess()
    if (outcome.kind === 'refused') record.refusals++
    else record.errors++
    record.failuresInRow++
    const isNews = record.failuresInRow === this.#options.endpoint.threshold || outcome.reason !== record.lastFailure?.reason
    record.lastFailure = { at: Date.now(), reason: outcome.reason }
    if (isNews && record.failuresInRow >= this.#options.endpoint.threshold) this.#say('warn', 'a webhook endpoint takes no events: they wait', outcome.reason)
  }

  #noteSuccess(): void {
    const { record } = this
    if (record.failuresInRow >= this.#options.endpoint.threshold) this.#say('info', 'a webhook endpoint takes events again')
    record.successes++
    record.failuresInRow = 0
  }

  #say(level: Remark['level'], message: string, reason?: string): void {
    const { endpoint, outbox, remark } = this.#options
    const { pending } = outbox.counts(endpoint.name)
    remark({ level, message, fields: { endpoint: endpoint.name, url: addressOf(endpoint), pending, ...(reason && { reason }) } })
  }

  /** The queue cannot be read, as when the disk fails. */
  async #queueFailed(error: Error): Promise<void> {
    const isNews = this.record.lastFailure?.reason !== error.message
    this.record.lastFailure = { at: Date.now(), reason: error.message }
    if (isNews) this.#say('error', 'the queue of events cannot be read', error.message)
    this.#isWoken = true
    await this.#pause(this.#options.endpoint.backoffMs)
  }

  async #pause(ms: number): Promise<void> {
    this.record.nextTryAt = Date.now() + ms
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    this.record.nextTryAt = undefined
  }
}
