import type { StateDatabase } from '../metadata/connect.ts'
import {
  deleteThrough,
  insertEvent,
  type QueuedEvent,
  selectCounts,
  selectNext,
  selectOldest,
  selectSeqOfOldest,
  type Waiting,
  type WaitingEvent,
} from './queue.ts'

/** How many events may wait. */
export interface OutboxLimits {
  /** For one endpoint, before new pulls are dropped: what changed matters more. */
  readonly pulls: number
  /** For one endpoint, before the oldest are dropped. */
  readonly events: number
  /** In memory, while the disk takes no writes. */
  readonly held: number
}

export interface OutboxOptions {
  readonly open: () => StateDatabase
  readonly limits: OutboxLimits
  /** A batch is durable, or `trouble` came in between: then it is tried again, as long as this process lives. */
  readonly onWritten: (batch: number, trouble?: Error) => void
  /** New events may wait. */
  readonly onQueued: () => void
}

/** Since the start of this process. */
export interface OutboxCounts {
  /** On disk and not delivered. */
  pending: number
  queued: number
  dropped: number
}

/** Counts as they will be once a transaction is committed, and up to where it drops events. */
type Change = OutboxCounts & { done: number }

interface Batch {
  readonly id: number
  readonly events: readonly QueuedEvent[]
  isAnswered: boolean
}

const DELIVERED_AFTER_MS = 200 // a killed process sends what it delivered in this time again
const TRY_AGAIN_MS = 1000

/**
 * The queue on disk. What comes in together is one transaction, so that many pushes share one sync; what was delivered is
 * removed with the next one.
 */
export class Outbox {
  readonly #options: OutboxOptions
  #state: StateDatabase | undefined
  #held: Batch[] = []
  #immediate: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined
  /** By endpoint: up to where events are delivered, or dropped, in this process. */
  readonly #done = new Map<string, number>()
  /** Endpoints of which delivered events are still on disk. */
  readonly #unremoved = new Set<string>()
  readonly #counts = new Map<string, OutboxCounts>()

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  add(id: number, events: readonly QueuedEvent[]): void {
    this.#held.push({ id, events, isAnswered: false })
    this.#immediate ??= setImmediate(() => this.commit())
  }

  /** The event that an endpoint gets next. */
  next(endpoint: string): WaitingEvent | undefined {
    return selectNext(this.#open(), endpoint, this.#done.get(endpoint) ?? 0)
  }

  delivered(endpoint: string, seq: number): void {
    if (seq <= (this.#done.get(endpoint) ?? 0)) return // it was dropped meanwhile
    this.#done.set(endpoint, seq)
    this.#unremoved.add(endpoint)
    this.counts(endpoint).pending--
    this.#timer ??= setTimeout(() => this.commit(), DELIVERED_AFTER_MS)
  }

  counts(endpoint: string): OutboxCounts {
    const known = this.#counts.get(endpoint)
    if (known) return known
    const fresh = { pending: 0, queued: 0, dropped: 0 }
    this.#counts.set(endpoint, fresh)
    return fresh
  }

  /** What waits, for endpoints that are no longer configured too; in the order of names. */
  waiting(): Waiting[] {
    this.commit()
    const state = this.#open()
    const waiting = [...this.#counts].filter(([, { pending }]) => pending > 0).sort(([one], [other]) => (one < other ? -1 : 1))
    return waiting.map(([endpoint, { pending }]) => ({ endpoint, pending, oldest: selectOldest(state, endpoint, this.#done.get(endpoint) ?? 0) }))
  }

  /** Removes all that waits for an endpoint; how much that was. */
  discard(endpoint: string): number {
    this.commit()
    const state = this.#open()
    const counts = this.counts(endpoint)
    const { pending } = counts
    const seq = state.transaction(() => deleteOldest(state, endpoint, pending))
    this.#done.set(endpoint, Math.max(seq, this.#done.get(endpoint) ?? 0))
    counts.pending -= pending
    counts.dropped += pending
    return pending
  }

  /** Writes what came in and removes what was delivered, in one transaction. */
  commit(): void {
    clearImmediate(this.#immediate)
    clearTimeout(this.#timer)
    this.#immediate = this.#timer = undefined
    if (this.#held.length === 0 && this.#unremoved.size === 0) return
    try {
      const state = this.#open()
      const changes = state.transaction(() => this.#write(state))
      for (const [endpoint, { done, ...counts }] of changes) {
        Object.assign(this.counts(endpoint), counts)
        if (done > (this.#done.get(endpoint) ?? 0)) this.#done.set(endpoint, done)
      }
    } catch (error) {
      return this.#keep(error as Error)
    }
    const written = this.#held
    this.#held = []
    this.#unremoved.clear()
    for (const { id, isAnswered } of written) if (!isAnswered) this.#options.onWritten(id)
    if (written.length > 0) this.#options.onQueued()
  }

  close(): void {
    this.commit()
    clearTimeout(this.#timer)
    this.#state?.close()
  }

  /** @throws while the file cannot be opened; the next call tries again. */
  #open(): StateDatabase {
    if (this.#state) return this.#state
    const state = this.#options.open()
    for (const { endpoint, pending } of selectCounts(state)) this.counts(endpoint).pending = pending
    this.#state = state
    return state
  }

  #write(state: StateDatabase): Map<string, Change> {
    for (const endpoint of this.#unremoved) deleteThrough(state, endpoint, this.#done.get(endpoint) ?? 0)
    const changes = new Map<string, Change>()
    for (const event of this.#held.flatMap(({ events }) => events))
      for (const endpoint of event.endpoints) {
        const counts = changes.get(endpoint) ?? { ...this.counts(endpoint), done: 0 }
        changes.set(endpoint, counts)
        this.#insert(state, endpoint, event, counts)
      }
    for (const [endpoint, counts] of changes) this.#limit(state, endpoint, counts)
    return changes
  }

  #insert(state: StateDatabase, endpoint: string, event: QueuedEvent, counts: OutboxCounts): void {
    if (event.isPull && counts.pending >= this.#options.limits.pulls) {
      counts.dropped++
      return
    }
    insertEvent(state, endpoint, event)
    counts.pending++
    counts.queued++
  }

  /** Makes room for a while, by a hundredth. */
  #limit(state: StateDatabase, endpoint: string, change: Change): void {
    const { events } = this.#options.limits
    if (change.pending <= events) return
    const excess = Math.min(change.pending, change.pending - events + Math.floor(events / 100))
    change.done = deleteOldest(state, endpoint, excess)
    change.pending -= excess
    change.dropped += excess
  }

  /** The disk takes nothing: who waits for an answer is told, and what came in is tried again, in its order. */
  #keep(trouble: Error): void {
    let room = this.#options.limits.held
    const kept: Batch[] = []
    for (const batch of this.#held) {
      if (!batch.isAnswered) this.#options.onWritten(batch.id, trouble)
      batch.isAnswered = true
      room -= batch.events.length
      if (room >= 0) kept.push(batch)
      else for (const endpoint of batch.events.flatMap(({ endpoints }) => endpoints)) this.counts(endpoint).dropped++
    }
    this.#held = kept
    this.#timer = setTimeout(() => this.commit(), TRY_AGAIN_MS)
  }
}

/** Up to where the oldest are deleted. */
function deleteOldest(state: StateDatabase, endpoint: string, count: number): number {
  const seq = count > 0 ? selectSeqOfOldest(state, endpoint, count) : undefined
  if (seq !== undefined) deleteThrough(state, endpoint, seq)
  return seq ?? 0
}
