import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { OciError } from '../oci/error.ts'
import type { Exchange } from './exchange.ts'
import { HeldBodies } from './held-bodies.ts'

const MiB = 1024 * 1024
const READ_AHEAD = MiB
const CRUMB = 1024
const CRUMBS_MOST = 1024 // that are passed on as one
const CRUMBS_LEAST = 64 * 1024 // bytes that so many have together: compressors write a few hundred at a time, and a few only who wants to keep us busy
const DISCARD_LIMIT = 16 * MiB // a client that does not listen while it sends gets its answer if this is enough
const DISCARD_TIME_MS = 2_000
const smallBodies = new HeldBodies(64 * MiB) // sixteen of the largest manifests at once
const LEFT_TO_NODE = 64 * 1024 // Node itself reads on to the next request

/**
 * A request's body as a stream of its own. Destroying it, as a failing `pipeline` does, leaves the connection alive, so
 * that the client can be told why; destroying an IncomingMessage would not.
 */
export class RequestBody extends Readable {
  /** How much of it has arrived, in bytes. */
  bytesTaken = 0
  readonly #request: IncomingMessage
  readonly #giveLeave: () => void
  readonly #crumbs: Buffer[] = []
  readonly #onData = (chunk: Buffer) => {
    this.bytesTaken += chunk.length
    if (chunk.length < CRUMB) this.#gather(chunk)
    else this.#pass(chunk)
  }
  readonly #onEnd = () => {
    this.#passCrumbs()
    this.push(null)
  }
  readonly #onClose = () => {
    if (!this.#request.readableEnded) this.destroy(new ClientGoneError())
  }

  /** @param giveLeave called before the first byte is read. */
  constructor(request: IncomingMessage, giveLeave: () => void = () => undefined) {
    super({ highWaterMark: READ_AHEAD })
    this.#request = request
    this.#giveLeave = giveLeave
    this.on('error', () => undefined) // the client may go before anybody reads, and that is no reason to end the process
  }

  override _construct(callback: (error?: Error) => void): void {
    this.#request.on('end', this.#onEnd).on('close', this.#onClose).on('error', this.#onClose)
    callback(this.#request.destroyed && !this.#request.readableEnded ? new ClientGoneError() : undefined)
  }

  override _read(): void {
    if (this.#request.listenerCount('data') === 0) {
      this.#giveLeave()
      this.#request.on('data', this.#onData)
    }
    this.#request.resume()
  }

  /**
   * Frees a chunk at once. Left to the garbage collector, chunks fill what it allows outside its heap every 64 MB, and each
   * time it looks through all of the heap: a quarter of what a push costs.
   */
  recycle(chunk: Buffer): void {
    const memory = chunk.buffer
    if (memory instanceof ArrayBuffer && memory.byteLength === chunk.length) memory.transfer(0)
  }

  #pass(chunk: Buffer): void {
    this.#passCrumbs()
    if (!this.push(chunk)) this.#request.pause()
  }

  /** @NOTE a chunk of one byte costs some three hundred in memory, and as much time as one of 64 KiB. */
  #gather(chunk: Buffer): void {
    if (this.#crumbs.push(chunk) === 1) setImmediate(() => this.#passCrumbs())
    if (this.#crumbs.length < CRUMBS_MOST) return
    if (this.#crumbs.reduce((sum, { length }) => sum + length, 0) >= CRUMBS_LEAST) this.#passCrumbs()
    else this.#request.destroy() // an answer would keep us busy still more
  }

  #passCrumbs(): void {
    const crumbs = this.#crumbs.splice(0)
    if (crumbs.length > 0 && !this.destroyed && !this.push(crumbs.length > 1 ? Buffer.concat(crumbs) : crumbs[0])) this.#request.pause()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#request.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose).off('error', this.#onClose)
    this.#request.pause()
    callback(error)
  }
}

/** The connection ended before the request did: there is nobody to answer. */
export class ClientGoneError extends Error {
  readonly code = 'ECONNRESET'

  constructor() {
    super('the client closed the connection before its request was complete')
    this.name = 'ClientGoneError'
  }
}

/**
 * All of a small body.
 *
 * @throws OciError `MANIFEST_INVALID` (413) past `limit` bytes, before reading when the client states its length; `TOOMANYREQUESTS`
 * when those that came later need the memory.
 */
export async function readSmallBody({ contentLength = 0, openBody }: Pick<Exchange, 'contentLength' | 'openBody'>, limit: number): Promise<Buffer> {
  if (contentLength > limit) throw tooLarge(limit)
  const body = openBody()
  using held = smallBodies.hold(body)
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (held.size + chunk.length > limit) throw tooLarge(limit)
    held.append(chunk)
  }
  return held.bytes
}

function tooLarge(limit: number): OciError {
  return new OciError('MANIFEST_INVALID', { reason: `a manifest has at most ${limit} bytes` }, { status: 413 })
}

/** Whether the client may hold its body back until it is told to go on; RFC 9110 10.1.1. */
export function awaitsLeave({ headers, httpVersion }: IncomingMessage): boolean {
  return headers.expect !== undefined && httpVersion !== '1.0'
}

/** Whether more of the request may follow than is worth reading: its connection cannot serve another one. */
export function isLeftUnread(request: IncomingMessage): boolean {
  return !request.complete && !(Number(request.headers['content-length']) <= LEFT_TO_NODE)
}

/** Reads on for a while, so that a client which is still sending does not lose the answer to a reset connection. */
export async function discardRest(request: IncomingMessage): Promise<void> {
  if (awaitsLeave(request) && request.readableFlowing === null) return // it never got leave to send
  const enough = new AbortController()
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > DISCARD_LIMIT) enough.abort()
  })
  for (const event of ['end', 'close', 'error']) request.once(event, () => enough.abort())
  request.resume()
  await delay(DISCARD_TIME_MS, undefined, { signal: enough.signal, ref: false }).catch(() => undefined)
}
