import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { Server as TlsServer } from 'node:tls'
import type { HttpSettings } from './settings.ts'
import { type Line, type Turn, Turns } from './turns.ts'

const SWEEP_MS = 50

export type ConnectionLimits = Pick<HttpSettings, 'idleTimeoutMs' | 'maxConnections'>

/** The sockets of one server: how many there may be, whose requests wait, who has been silent for too long, and how they all end. */
export class Connections {
  readonly #server: Server
  readonly #limits: ConnectionLimits
  readonly #sockets = new Set<Socket>()
  /** Those without a request under way, the one that has been so for longest in front. */
  readonly #idle = new Set<Socket>()
  readonly #turns = new Turns()
  #isDraining = false

  constructor(server: Server, limits: ConnectionLimits) {
    this.#server = server
    this.#limits = limits
  }

  /** Watches every connection from now on; call it before the server listens. */
  open(): void {
    this.#server.on('connection', (socket: Socket) => this.#admit(socket))
    if (this.#server instanceof TlsServer) this.#exchangeSecured(this.#server)
    this.#server.setTimeout(this.#limits.idleTimeoutMs, (socket: Socket) => this.#judge(socket))
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** Runs `work`, which answers a request, when those before it on its connection have been answered. */
  async serve(turn: Turn, work: () => Promise<void>): Promise<void> {
    const { socket } = turn.request
    this.#idle.delete(socket)
    await this.#turns.run(turn, work)
    if (this.#turns.isFree(socket) && !socket.destroyed) this.#idle.add(socket)
  }

  /** The requests of a connection; absent before the first. */
  findLine(socket: Duplex): Line | undefined {
    return this.#turns.find(socket)
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

  /** @NOTE the bound stays below the limit of descriptors: past that nothing can be accepted, and nothing opened for those who are here. */
  #admit(socket: Socket): void {
    if (this.#sockets.size >= this.#limits.maxConnections && !this.#makeRoom()) return void socket.destroy()
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    if (!(this.#server instanceof TlsServer) || socket.remotePort !== undefined) this.#startIdling(socket)
  }

  #makeRoom(): boolean {
    const [longest] = this.#idle
    if (longest) this.#idle.delete(longest)
    return longest?.destroy() !== undefined
  }

  #startIdling(socket: Socket): void {
    this.#idle.add(socket)
    socket.once('close', () => this.#idle.delete(socket))
  }

  /**
   * After its handshake a connection is another socket, which is the one that requests name.
   *
   * @NOTE those of a unix socket cannot be told apart, and are idle only after it
   */
  #exchangeSecured(server: TlsServer): void {
    const handshakes = new Map<string, Socket>()
    server.on('connection', (socket: Socket) => {
      const key = keyOf(socket)
      handshakes.set(key, socket)
      socket.once('close', () => handshakes.get(key) === socket && handshakes.delete(key))
    })
    server.on('secureConnection', (secured) => {
      const socket = handshakes.get(keyOf(secured))
      if (socket) this.#idle.delete(socket)
      this.#startIdling(secured)
    })
  }

  #endIdle(): void {
    this.#server.closeIdleConnections()
    for (const socket of this.#idle) socket.destroy()
  }

  #destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Nothing moved on this connection for a while. It ends, unless it is us who are busy. */
  #judge(socket: Socket): void {
    const line = this.#turns.find(socket)
    if (line && isOurTurn(line.last, socket)) socket.setTimeout(this.#limits.idleTimeoutMs)
    else socket.destroy()
  }
}

/** Tells the connections of one server apart. */
function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}

/** We are busy while a whole request (or one whose bytes we do not take yet) has no answer, and no byte of one waits for the client. */
function isOurTurn({ request, response }: Turn, socket: Socket): boolean {
  const awaitsBytes = !request.complete && request.readableFlowing === true
  return !response.writableFinished && !awaitsBytes && socket.writableLength === 0
}
