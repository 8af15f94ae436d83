import { Worker } from 'node:worker_threads'
import { isDiskTrouble } from '../metadata/connect.ts'
import { OciError } from '../oci/error.ts'
import type { Remark } from './courier.ts'
import { wants } from './endpoint.ts'
import { type Cause, createEvent, type EventOptions, type Happening } from './event.ts'
import type { PostOfficeOptions } from './post-office.ts'
import type { QueuedEvent } from './queue.ts'
import type { EndpointStatus } from './status.ts'

export type ToWorker =
  | { readonly kind: 'events'; readonly batch: number; readonly events: readonly QueuedEvent[] }
  | { readonly kind: 'status'; readonly id: number }
  | { readonly kind: 'discard'; readonly id: number; readonly endpoint: string }
  | { readonly kind: 'close' }

interface Trouble {
  readonly message: string
  readonly errcode: number | undefined
}

export type ToMain =
  | { readonly kind: 'written'; readonly batch: number; readonly trouble?: Trouble }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly trouble?: Trouble }
  | { readonly kind: 'remark'; readonly remark: Remark }

export interface NotifierOptions extends PostOfficeOptions, Omit<EventOptions, 'now'> {
  readonly remark: (remark: Remark) => void
}

interface Addressed {
  readonly happening: Happening
  /** The endpoints that want it. */
  readonly names: readonly string[]
}

interface Awaited {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

const WORKER_FILE = new URL(`./notification-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)
const PULLS_WAIT_MS = 50
const BATCH = 500
const UNWRITTEN_MOST = 20_000 // a disk or a thread that does not keep up makes pulls go untold, not slow

/**
 * Makes events and hands them to a thread, which queues and delivers them: no request waits for an endpoint, and the event
 * loop does not wait for the disk.
 */
export class Notifier {
  readonly #options: NotifierOptions
  #worker: Worker | undefined
  #isClosed = false
  #batch: QueuedEvent[] = []
  #timer: NodeJS.Timeout | undefined
  #lastId = 0
  readonly #unwritten = new Map<number, { readonly count: number; readonly awaited: Awaited | undefined }>()
  #unwrittenEvents = 0
  readonly #asked = new Map<number, Awaited>()
  /** By endpoint: pulls that went untold since too many were not written yet. */
  readonly #overrun = new Map<string, number>()

  constructor(options: NotifierOptions) {
    this.#options = options
  }

  /** Starts the thread, which delivers what was left from before. */
  start(): this {
    this.#worker ??= this.#startWorker()
    return this
  }

  /**
   * Queues an event for each change that an endpoint wants, durably on return, in the order of the calls.
   *
   * @throws OciError `UNAVAILABLE` (507 for a full disk) when that fails; the events are told all the same once it can be done.
   */
  async record(findCause: () => Cause, happenings: readonly Happening[]): Promise<void> {
    const wanted = happenings.map((happening) => this.#address(happening)).filter(({ names }) => names.length > 0)
    if (wanted.length === 0) return
    if (this.#isClosed) throw new OciError('UNAVAILABLE', { reason: 'the change is made, but its event could not be queued: the registry is stopping' })
    const cause = findCause()
    for (const addressed of wanted) this.#batch.push(this.#createEvent(addressed, cause))
    await new Promise((resolve, reject) => this.#send({ resolve, reject }))
  }

  /** Queues an event for a pull, with others, a moment later. */
  note(findCause: () => Cause, happening: Happening): void {
    const addressed = this.#address(happening)
    if (this.#isClosed || addressed.names.length === 0 || this.#isOverrun(addressed.names)) return
    this.#batch.push(this.#createEvent(addressed, findCause()))
    if (this.#batch.length >= BATCH) this.#send(undefined)
    else this.#timer ??= setTimeout(() => this.#send(undefined), PULLS_WAIT_MS)
  }

  async status(): Promise<EndpointStatus[]> {
    const statuses = (await this.#ask({ kind: 'status' })) as EndpointStatus[]
    return statuses.map((status) => {
      const overrun = this.#overrun.get(status.name) ?? 0
      return status.counts ? { ...status, counts: { ...status.counts, dropped: status.counts.dropped + overrun } } : status
    })
  }

  /** Gives up what waits for an endpoint, configured or not; how many events that were. */
  async discard(endpoint: string): Promise<number> {
    return (await this.#ask({ kind: 'discard', endpoint })) as number
  }

  /** Writes what is not on disk yet and ends. No endpoint is waited for. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    if (this.#batch.length > 0) this.#send(undefined)
    this.#isClosed = true
    clearTimeout(this.#timer)
    const worker = this.#worker
    if (!worker) return
    await new Promise((ended) => {
      worker.once('exit', ended)
      worker.postMessage({ kind: 'close' } satisfies ToWorker)
    })
  }

  #address(happening: Happening): Addressed {
    return { happening, names: this.#options.endpoints.filter((endpoint) => wants(endpoint, happening)).map(({ name }) => name) }
  }

  #createEvent({ happening, names }: Addressed, cause: Cause): QueuedEvent {
    const now = Date.now()
    const event = JSON.stringify(createEvent(happening, cause, { ...this.#options, now }))
    return { endpoints: names, isPull: happening.action === 'pull', event, queuedAt: now }
  }

  #isOverrun(names: readonly string[]): boolean {
    if (this.#unwrittenEvents + this.#batch.length < UNWRITTEN_MOST) return false
    for (const name of names) this.#overrun.set(name, (this.#overrun.get(name) ?? 0) + 1)
    return true
  }

  #send(awaited: Awaited | undefined): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const events = this.#batch
    this.#batch = []
    const batch = ++this.#lastId
    this.#unwritten.set(batch, { count: events.length, awaited })
    this.#unwrittenEvents += events.length
    this.#post({ kind: 'events', batch, events })
  }

  #ask(question: { readonly kind: 'status' } | { readonly kind: 'discard'; readonly endpoint: string }): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new Error('the registry is stopping'))
    const id = ++this.#lastId
    const answered = new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }))
    this.#post({ ...question, id })
    return answered
  }

  #post(message: ToWorker): void {
    this.start()
    this.#worker?.postMessage(message)
  }

  #startWorker(): Worker {
    const { remark, ...workerData } = this.#options
    const worker = new Worker(WORKER_FILE, { name: 'notifications', execArgv: [], workerData })
    worker.on('message', (message: ToMain) => this.#take(message))
    worker.on('error', (error) => remark({ level: 'error', message: 'the thread of the webhooks failed', fields: { reason: String(error) } }))
    worker.on('exit', () => this.#lose(worker))
    return worker
  }

  #take(message: ToMain): void {
    if (message.kind === 'remark') return this.#options.remark(message.remark)
    if (message.kind === 'written') return this.#settle(message.batch, message.trouble)
    const asked = this.#asked.get(message.id)
    this.#asked.delete(message.id)
    if (message.trouble) asked?.reject(new Error(`the queue of events cannot be read: ${message.trouble.message}`))
    else asked?.resolve(message.value)
  }

  #settle(batch: number, trouble: Trouble | undefined): void {
    const { count = 0, awaited } = this.#unwritten.get(batch) ?? {}
    this.#unwritten.delete(batch)
    this.#unwrittenEvents -= count
    if (trouble) awaited?.reject(unqueued(trouble))
    else awaited?.resolve(undefined)
  }

  /** The thread is gone: nobody waits for it any longer, and the next event starts another one. */
  #lose(worker: Worker): void {
    if (this.#worker === worker) this.#worker = undefined
    const trouble = { message: 'the thread that queues them ended', errcode: undefined }
    for (const batch of this.#unwritten.keys()) this.#settle(batch, trouble)
    for (const { reject } of this.#asked.values()) reject(new Error(trouble.message))
    this.#asked.clear()
  }
}

function unqueued(trouble: Trouble): OciError {
  const isFull = isDiskTrouble(trouble)
  const why = isFull ? 'the disk of the registry takes no writes: free some space on it, then try again' : 'the log of the registry says why'
  const reason = `the change is made, but its event could not be queued: ${why}`
  return new OciError('UNAVAILABLE', { reason }, { status: isFull ? 507 : 503, cause: new Error(trouble.message) })
}
