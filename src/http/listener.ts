import { once } from 'node:events'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { formatAddress, listenError, parseAddress, removeStaleSocket } from './address.ts'
import { beginCall } from './call.ts'
import { Connections } from './connections.ts'
import { answerPlainHttp } from './plain-http-on-tls.ts'
import { refuseBytes } from './refuse-bytes.ts'
import type { Answer, Serve } from './serve.ts'
import type { HttpSettings } from './settings.ts'
import { refuseLoose, withoutOrigin } from './strict-request.ts'
import type { TlsFiles } from './tls-files.ts'
import type { Turn } from './turns.ts'

// @NOTE an import would load all that node:http re-exports, fetch included: 45 ms of each start
const { createServer: createHttpServer } = process.getBuiltinModule('node:http')
const { createServer: createHttpsServer } = process.getBuiltinModule('node:https')

export interface ListenerOptions {
  readonly addr: string
  readonly settings: HttpSettings
  readonly tls?: TlsFiles | undefined
  /** By path. */
  readonly routes: Readonly<Record<string, Answer>>
  /** Everything else. */
  readonly fallback: Answer
  /** Makes what answers; `isDraining` tells it that the listener closes. */
  readonly createServe: (isDraining: () => boolean) => Serve
}

/** One address that is listened on, with the server behind it. */
export class Listener {
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #connections: Connections
  readonly #underWay = new Set<Promise<void>>()
  #dropSilent: () => void = () => undefined

  constructor(options: ListenerOptions) {
    const { settings, tls } = options
    this.#options = options
    const serve = options.createServe(() => this.#connections.isDraining)
    this.#server = createNodeServer(settings, tls, (request, response) => this.#take({ request, response }, serve))
    this.#connections = new Connections(this.#server, settings)
  }

  /** @throws ListenError if the address is not to be had. */
  async listen(): Promise<void> {
    const { addr, settings, tls } = this.#options
    if (tls) this.#prepareTls(tls)
    this.#connections.open()
    // @NOTE with this listener the client's wait is ended by the handler that wants its body, not by Node
    this.#server.on('checkContinue', (request, response) => this.#server.emit('request', request, response))
    this.#server.on('clientError', (error, socket) => refuseBytes(error, socket, this.#connections.findLine(socket)))
    if (settings.inheritedSocket !== undefined) this.#server.listen({ fd: settings.inheritedSocket })
    else {
      if (settings.net === 'unix') await removeStaleSocket(addr)
      this.#server.listen(parseAddress(addr, settings.net))
    }
    await once(this.#server, 'listening').catch((error: NodeJS.ErrnoException) => {
      throw listenError(addr, error)
    })
  }

  get address(): string {
    return formatAddress(this.#server.address()) || this.#options.addr
  }

  /** Lets requests finish for `drainMs` at most; returns when no handler is at work any more. */
  async close(drainMs: number): Promise<void> {
    this.#dropSilent()
    await this.#connections.close(drainMs)
    await Promise.all(this.#underWay)
  }

  #prepareTls(tls: TlsFiles): void {
    const server = this.#server as HttpsServer
    tls.attach(server)
    this.#dropSilent = answerPlainHttp(server).dropSilent
  }

  #take(turn: Turn, serve: Serve): void {
    const { routes, fallback } = this.#options
    const { url = '/' } = turn.request
    const path = pathOf(url)
    const answer = Object.hasOwn(routes, path) ? (routes[path] ?? fallback) : fallback
    const work = this.#connections.serve(turn, () => serve(strict(answer), beginCall(turn, url)))
    this.#underWay.add(work)
    void work.finally(() => this.#underWay.delete(work))
  }
}

function pathOf(url: string): string {
  const target = withoutOrigin(url)
  const question = target.indexOf('?')
  return question < 0 ? target : target.slice(0, question)
}

function strict(answer: Answer): Answer {
  return async (call) => refuseLoose(call.request, call.url) ?? answer(call)
}

function createNodeServer(settings: HttpSettings, tls: TlsFiles | undefined, handler: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const limits: ServerOptions = {
    headersTimeout: settings.headersTimeoutMs,
    requestTimeout: 0, // a push may take hours: it ends only when no byte moves
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(settings.headersTimeoutMs, 5_000),
  }
  const server = tls ? createHttpsServer({ ...limits, ...tls.current().options }, handler) : createHttpServer(limits, handler)
  return Object.assign(server, { httpAllowHalfOpen: true }) // a client that says it has sent all still gets its answer
}
