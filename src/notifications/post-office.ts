import { IN_MEMORY, openStateFile } from '../metadata/connect.ts'
import { Courier, type CourierRecord, type Remark } from './courier.ts'
import { addressOf, type Endpoint } from './endpoint.ts'
import { Outbox, type OutboxLimits } from './outbox.ts'
import { openPost } from './post.ts'
import type { QueuedEvent } from './queue.ts'
import { type EndpointCounts, type EndpointStatus, waitingFields } from './status.ts'

export interface PostOfficeOptions {
  /** `state.db`; `:memory:` for a registry that writes nothing. */
  readonly path: string
  readonly endpoints: readonly Endpoint[]
  readonly limits?: OutboxLimits
}

interface PostOfficePorts {
  readonly onWritten: (batch: number, trouble?: Error) => void
  readonly remark: (remark: Remark) => void
}

const ON_DISK: OutboxLimits = { pulls: 100_000, events: 1_000_000, held: 10_000 }
const IN_MEMORY_ONLY: OutboxLimits = { pulls: 10_000, events: 10_000, held: 0 }

/** The queue and who empties it: one courier an endpoint, each on its own. */
export class PostOffice {
  readonly #endpoints: readonly Endpoint[]
  readonly #outbox: Outbox
  readonly #couriers: ReadonlyMap<string, Courier>
  readonly #remark: PostOfficePorts['remark']

  constructor({ path, endpoints, limits = path === IN_MEMORY ? IN_MEMORY_ONLY : ON_DISK }: PostOfficeOptions, { onWritten, remark }: PostOfficePorts) {
    const open = () => openStateFile(path)
    const onQueued = () => this.#wake()
    const outbox = new Outbox({ open, limits, onWritten: (batch, trouble) => onWritten(batch, trouble), onQueued })
    this.#endpoints = endpoints
    this.#outbox = outbox
    this.#remark = remark
    const active = endpoints.filter(({ disabled }) => !disabled)
    this.#couriers = new Map(active.map((endpoint) => [endpoint.name, new Courier({ endpoint, outbox, post: openPost(endpoint), remark })]))
  }

  /** Delivers what was left from before. */
  start(): void {
    this.#wake()
    for (const { name, state, pending } of this.#tryStatus()) {
      if (state !== 'unconfigured') continue
      const message = 'events wait for a webhook endpoint that is not configured: configure one of that name, or discard them'
      this.#remark({ level: 'warn', message, fields: { endpoint: name, pending } })
    }
  }

  add(batch: number, events: readonly QueuedEvent[]): void {
    this.#outbox.add(batch, events)
  }

  /** Of every endpoint that is configured, and of every other for which something waits. */
  status(): EndpointStatus[] {
    const waiting = this.#outbox.waiting()
    const configured = this.#endpoints.map((endpoint) => ({
      ...this.#statusOf(endpoint),
      ...waitingFields(waiting.find(({ endpoint: name }) => name === endpoint.name)),
    }))
    const names = new Set(this.#endpoints.map(({ name }) => name))
    const others = waiting.filter(({ endpoint }) => !names.has(endpoint))
    return [...configured, ...others.map((row): EndpointStatus => ({ name: row.endpoint, state: 'unconfigured', ...waitingFields(row) }))]
  }

  discard(endpoint: string): number {
    return this.#outbox.discard(endpoint)
  }

  /** What is under way is given up; all that was not accepted stays on disk. */
  async close(): Promise<void> {
    await Promise.all([...this.#couriers.values()].map((courier) => courier.stop()))
    this.#outbox.close()
  }

  #wake(): void {
    for (const courier of this.#couriers.values()) courier.wake()
  }

  #tryStatus(): EndpointStatus[] {
    try {
      return this.status()
    } catch {
      return [] // each courier tells of a queue that cannot be read
    }
  }

  #statusOf(endpoint: Endpoint): Omit<EndpointStatus, 'pending' | 'oldest'> {
    const { name, disabled } = endpoint
    const record = this.#couriers.get(name)?.record
    const { pending } = this.#outbox.counts(name)
    const isFailing = (record?.failuresInRow ?? 0) > 0
    const state = disabled ? 'disabled' : isFailing ? 'failing' : pending > 0 ? 'delivering' : 'idle'
    return { name, state, url: addressOf(endpoint), counts: this.#countsOf(name, record), ...(record && describeFailures(record)) }
  }

  #countsOf(name: string, record: CourierRecord | undefined): EndpointCounts {
    const { queued, dropped } = this.#outbox.counts(name)
    const { successes = 0, refusals = 0, errors = 0, statuses = {} } = record ?? {}
    return { events: queued, successes, failures: refusals, errors, dropped, statuses: { ...statuses } }
  }
}

function describeFailures({ failuresInRow, lastFailure, nextTryAt }: CourierRecord): Pick<EndpointStatus, 'failures' | 'lastFailure' | 'nextTry'> {
  return {
    failures: failuresInRow,
    ...(lastFailure && { lastFailure: { at: new Date(lastFailure.at).toISOString(), reason: lastFailure.reason } }),
    ...(nextTryAt !== undefined && { nextTry: new Date(nextTryAt).toISOString() }),
  }
}
