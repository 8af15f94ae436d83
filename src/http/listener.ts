import { once } from 'node:events'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { type FastifyInstance, fastify } from 'fastify'
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
const { createServer: createHttpServer, METHODS } = process.getBuiltinModule('node:http')
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
  readonly #app: FastifyInstance
  readonly #underWay = new Set<Promise<void>>()
  #dropSilent: () => void = () => undefined

  constructor(options: ListenerOptions) {
    const { settings, tls } = options
    this.#options = options
    this.#app = fastify({
      serverFactory: (handler) => createNodeServer(settings, tls, handler),
      rewriteUrl: ({ url = '/' }) => (Object.hasOwn(options.routes, pathOf(url)) ? pathOf(url) : FALLBACK),
      clientErrorHandler: (error, socket) => refuseBytes(error, socket, this.#connections.findLine(socket)),
      return503OnClosing: false,
      schemaController: NO_SCHEMAS,
    })
    this.#server = this.#app.server
    this.#connections = new Connections(this.#server, settings)
  }

  /** @throws ListenError if the address is not to be had. */
  async listen(): Promise<void> {
    const { addr, settings, tls } = this.#options
    if (tls) this.#prepareTls(tls)
    this.#connections.open()
    // @NOTE with this listener the client's wait is ended by the handler that wants its body, not by Node
    this.#server.on('checkContinue', (request, response) => this.#server.emit('request', request, response))
    this.#addRoutes()
    await this.#app.ready()
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
    await this.#app.close()
  }

  #prepareTls(tls: TlsFiles): void {
    const server = this.#server as HttpsServer
    tls.attach(server)
    this.#dropSilent = answerPlainHttp(server).dropSilent
  }

  #addRoutes(): void {
    for (const method of METHODS) if (!this.#app.supportedMethods.includes(method)) this.#app.addHttpMethod(method)
    const serve = this.#options.createServe(() => this.#connections.isDraining)
    for (const [path, answer] of Object.entries({ ...this.#options.routes, [FALLBACK]: this.#options.fallback })) {
      // @NOTE the raw request is taken before Fastify would look at its body
      this.#app.all(
        path,
        {
          onRequest: (request, reply) =>
            void this.#serve({ request: request.raw, response: reply.hijack().raw }, (turn) => serve(strict(answer), beginCall(turn, request.originalUrl))),
        },
        () => undefined,
      )
    }
  }

  #serve(turn: Turn, answer: (turn: Turn) => Promise<void>): void {
    const work = this.#connections.serve(turn, () => answer(turn))
    this.#underWay.add(work)
    void work.finally(() => this.#underWay.delete(work))
  }
}

/** We have none; without this Fastify loads what compiles them: 140 ms of each start. */
const NO_SCHEMAS = { compilersFactory: { buildValidator: () => noSchema, buildSerializer: () => noSchema } }

function noSchema(): never {
  throw new Error('a route has a schema')
}

/** Where Fastify finds what answers all paths that are not a route of their own; the request keeps its URL. */
const FALLBACK = '/v2/'

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
