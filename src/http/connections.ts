import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { Server as TlsServer } from 'node:tls'

const SWEEP_MS = 50

interface Turn {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** The sockets of one server: who has been silent for too long, and how they all end. */
export class Connections {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Those that have not sent a whole request yet: Node does not count them as idle. */
  readonly #silent = new Set<Duplex>()
  readonly #turns = new WeakMap<Duplex, Turn>()
  #isDraining = false

  constructor(server: Server) {
    this.#server = server
  }

  /** Watches every connection from now on; call it before the server listens. */
  open(idleTimeoutMs: number): void {
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#server.on(this.#server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#silent.add(socket)
      socket.once('close', () => this.#silent.delete(socket))
    })
    this.#server.prependListener('request', (request, response) => {
      this.#silent.delete(request.socket)
      this.#turns.set(request.socket, { request, response })
    })
    this.#server.setTimeout(idleTimeoutMs, (socket: Socket) => this.#judge(socket, idleTimeoutMs))
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /**
   * Takes no new connections, lets what is under way finish for `drainMs` at most, then ends the rest.
   *
   * @NOTE Node ends idle connections once, when it begins to close: a keep-alive connection that was busy then would hold it for keepAliveTimeout.
   */
  async close(drainMs: number): Promise<void> {
    this.#isDraining = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    const sweep = setInterval(() => this.#endIdle(), SWEEP_MS)
    const enough = new AbortController()
    const deadline = delay(drainMs, undefined, { signal: enough.signal }).then(() => this.#destroyAll())
    await closed
    clearInterval(sweep)
    enough.abort()
    await deadline.catch(() => undefined)
  }

  #endIdle(): void {
    this.#server.closeIdleConnections()
    for (const socket of this.#silent) socket.destroy()
  }

  #destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Nothing moved on this connection for a while. It ends, unless it is us who are busy. */
  #judge(socket: Socket, idleTimeoutMs: number): void {
    const turn = this.#turns.get(socket)
    if (turn && isOurTurn(turn, socket)) socket.setTimeout(idleTimeoutMs)
    else socket.destroy()
  }
}

/** We are busy while a whole request (or one whose bytes we do not take yet) has no answer, and no byte of one waits for the client. */
function isOurTurn({ request, response }: Turn, socket: Socket): boolean {
  const awaitsBytes = !request.complete && request.readableFlowing === true
  return !response.writableFinished && !awaitsBytes && socket.writableLength === 0
}
