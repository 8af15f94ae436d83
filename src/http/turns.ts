import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

const WAITING_MOST = 64 // each holds its headers in memory, and clients of registries do not send even two

/** A request and its answer. */
export interface Turn {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** The requests of one connection that have no whole answer yet. */
export interface Line {
  /** How many they are. */
  length: number
  /** The one that came last, answered or not. */
  last: Turn
  /** Resolves when all before the last are answered, and when all are. */
  before: Promise<void>
  end: Promise<void>
}

/**
 * Answers the requests of each connection one after another, in the order they came.
 *
 * @NOTE Node calls for all that a client sends ahead at once: one packet of requests would open hundreds of files.
 */
export class Turns {
  readonly #lines = new WeakMap<Duplex, Line>()

  /** Runs `work`, which answers and never rejects, when its turn has come; not at all when the connection has ended by then. */
  run(turn: Turn, work: () => Promise<void>): Promise<void> {
    const { socket } = turn.request
    const line = this.#lineOf(socket, turn)
    if (line.length > WAITING_MOST) return Promise.resolve(void socket.destroy())
    line.before = line.end
    line.end = (line.length === 0 ? work() : line.end.then(() => (socket.writable ? work() : undefined))).then(() => {
      line.length--
    })
    line.length++
    line.last = turn
    return line.end
  }

  /** Absent before the first request. */
  find(socket: Duplex): Line | undefined {
    return this.#lines.get(socket)
  }

  /** Whether nothing is to be answered. */
  isFree(socket: Duplex): boolean {
    return (this.#lines.get(socket)?.length ?? 0) === 0
  }

  #lineOf(socket: Duplex, last: Turn): Line {
    const known = this.#lines.get(socket)
    if (known) return known
    const line = { length: 0, last, before: Promise.resolve(), end: Promise.resolve() }
    this.#lines.set(socket, line)
    return line
  }
}
