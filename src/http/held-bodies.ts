import type { Readable } from 'node:stream'
import { OciError } from '../oci/error.ts'

const FIRST_PIECE = 16 * 1024

/**
 * Bodies that are read into memory, and how much of it they have together. Past the limit, the one that has been arriving for
 * longest is given up: who sends slowly on purpose does not keep others out.
 */
export class HeldBodies {
  readonly #limit: number
  readonly #bodies = new Set<HeldBody>()
  #held = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  hold(body: Readable): HeldBody {
    const held = new HeldBody(body, this)
    this.#bodies.add(held)
    return held
  }

  /** Counts memory that a body takes, or gives back. */
  count(bytes: number): void {
    this.#held += bytes
    for (const longest of this.#bodies) {
      if (this.#held <= this.#limit) return
      longest.giveUp()
    }
  }

  forget(body: HeldBody): void {
    this.#bodies.delete(body)
  }
}

/** What has arrived of one body, in one piece of memory: a byte that arrives alone costs a byte. */
export class HeldBody implements Disposable {
  readonly #body: Readable
  readonly #bodies: HeldBodies
  #memory: Buffer = Buffer.alloc(0)
  size = 0

  constructor(body: Readable, bodies: HeldBodies) {
    this.#body = body
    this.#bodies = bodies
  }

  get bytes(): Buffer {
    return this.#memory.subarray(0, this.size)
  }

  append(chunk: Buffer): void {
    if (this.size + chunk.length > this.#memory.length) this.#grow(this.size + chunk.length)
    chunk.copy(this.#memory, this.size)
    this.size += chunk.length
  }

  giveUp(): void {
    this[Symbol.dispose]()
    this.#body.destroy(new OciError('TOOMANYREQUESTS', { reason: 'too many manifests arrive at once, and this one for longest' }))
  }

  [Symbol.dispose](): void {
    this.#bodies.forget(this)
    this.#bodies.count(-this.#memory.length)
    this.#memory = Buffer.alloc(0)
  }

  #grow(needed: number): void {
    const memory = Buffer.allocUnsafeSlow(Math.max(FIRST_PIECE, 2 ** Math.ceil(Math.log2(needed))))
    this.bytes.copy(memory)
    const more = memory.length - this.#memory.length
    this.#memory = memory
    this.#bodies.count(more)
  }
}
