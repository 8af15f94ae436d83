import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { OciError } from '../oci/error.ts'
import { type BcryptHash, findBcryptHash } from './bcrypt-hash.ts'
import type { BcryptCost, NewPassword } from './passwords.ts'

/** What a worker is asked. */
export type PasswordJob =
  | { readonly kind: 'verify'; readonly password: string; readonly hash: BcryptHash }
  | { readonly kind: 'hash'; readonly password: string; readonly cost: number }

/** What a worker answers. */
export type PasswordReply =
  | { readonly kind: 'verified'; readonly matches: boolean }
  | { readonly kind: 'hashed'; readonly hash: string }
  | { readonly kind: 'failed'; readonly message: string }

/** Compares passwords with hashes, one at a time or many. */
export interface PasswordVerifier extends AsyncDisposable {
  /**
   * @param options.isUrgent goes before all that is not, and waits in a queue of its own.
   * @throws OciError `TOOMANYREQUESTS` when too many compares are waiting.
   */
  verify(password: string, hash: BcryptHash, options?: { readonly isUrgent: boolean }): Promise<boolean>
}

const WORKERS_MOST = 4
const QUEUE_LIMIT = 128 // of each queue; at cost 10 and two workers: three seconds of waiting
const WORKER_FILE = new URL(`./password-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

interface Task {
  readonly job: PasswordJob
  readonly resolve: (reply: PasswordReply) => void
  readonly reject: (error: Error) => void
}

/**
 * Threads that do bcrypt and nothing else, so that neither the event loop nor the pool of the file system waits for it.
 * They start when first needed and do not keep the process alive while idle.
 */
export class PasswordWorkers implements PasswordVerifier {
  readonly #size: number
  readonly #queueLimit: number
  readonly #idle: Worker[] = []
  readonly #busy = new Map<Worker, Task>()
  readonly #urgent: Task[] = []
  readonly #waiting: Task[] = []
  #isClosed = false

  constructor({ size = Math.min(availableParallelism(), WORKERS_MOST), queueLimit = QUEUE_LIMIT }: { size?: number; queueLimit?: number } = {}) {
    this.#size = size
    this.#queueLimit = queueLimit
  }

  async verify(password: string, hash: BcryptHash, { isUrgent } = { isUrgent: false }): Promise<boolean> {
    const reply = await this.#run({ kind: 'verify', password, hash }, isUrgent ? this.#urgent : this.#waiting)
    if (reply.kind !== 'verified') throw new Error(`cannot compare a password: ${describe(reply)}`)
    return reply.matches
  }

  /** A hash that Apache, Distribution and lacre take: `$2y$`. */
  async hash(password: NewPassword, cost: BcryptCost): Promise<BcryptHash> {
    const reply = await this.#run({ kind: 'hash', password, cost }, this.#waiting)
    const hash = reply.kind === 'hashed' && findBcryptHash(reply.hash)
    if (!hash) throw new Error(`cannot hash a password: ${describe(reply)}`)
    return hash
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    const workers = [...this.#idle, ...this.#busy.keys()]
    for (const task of [...this.#busy.values(), ...this.#urgent, ...this.#waiting]) task.reject(closed())
    this.#idle.length = 0
    this.#urgent.length = 0
    this.#waiting.length = 0
    this.#busy.clear()
    await Promise.all(workers.map((worker) => worker.terminate()))
  }

  #run(job: PasswordJob, queue: Task[]): Promise<PasswordReply> {
    if (this.#isClosed) return Promise.reject(closed())
    if (this.#busy.size >= this.#size && queue.length >= this.#queueLimit) return Promise.reject(tooMany())
    const { promise, resolve, reject } = Promise.withResolvers<PasswordReply>()
    queue.push({ job, resolve, reject })
    this.#next()
    return promise
  }

  #next(): void {
    if (this.#busy.size >= this.#size) return
    const task = this.#urgent.shift() ?? this.#waiting.shift()
    if (!task) return
    const worker = this.#idle.pop() ?? this.#start()
    this.#busy.set(worker, task)
    worker.ref()
    worker.postMessage(task.job)
  }

  #start(): Worker {
    const worker = new Worker(WORKER_FILE, { name: 'password', execArgv: [] })
    worker.on('message', (reply: PasswordReply) => this.#finish(worker, reply))
    worker.on('error', (error) => this.#fail(worker, new Error('a password worker failed', { cause: error })))
    worker.on('exit', () => this.#fail(worker, new Error('a password worker ended')))
    return worker
  }

  #finish(worker: Worker, reply: PasswordReply): void {
    const task = this.#busy.get(worker)
    if (!task) return
    this.#busy.delete(worker)
    this.#idle.push(worker)
    worker.unref()
    task.resolve(reply)
    this.#next()
  }

  /** The worker is gone: its task fails, the others go on with a new one. */
  #fail(worker: Worker, error: Error): void {
    const index = this.#idle.indexOf(worker)
    if (index >= 0) this.#idle.splice(index, 1)
    const task = this.#busy.get(worker)
    if (!task) return
    this.#busy.delete(worker)
    task.reject(error)
    this.#next()
  }
}

function describe(reply: PasswordReply): string {
  return reply.kind === 'failed' ? reply.message : `unexpected answer "${reply.kind}"`
}

function tooMany(): OciError {
  return new OciError('TOOMANYREQUESTS', { hint: 'too many passwords are being checked at once' }, { headers: { 'Retry-After': '1' } })
}

function closed(): OciError {
  return new OciError('UNAVAILABLE', { hint: 'the registry is stopping' })
}
