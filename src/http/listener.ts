import { once } from 'node:events'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import { createServer as createHttpServer, METHODS } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type FastifyInstance, fastify } from 'fastify'
import { formatAddress, listenError, parseAddress, removeStaleSocket } from './address.ts'
import { beginCall } from './call.ts'
import { Connections } from './connections.ts'
import { answerPlainHttp } from './plain-http-on-tls.ts'
import type { Answer, Serve } from './serve.ts'
import type { HttpSettings } from './settings.ts'
import type { TlsFiles } from './tls-files.ts'

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
      clientErrorHandler: (error, socket) => refuseBytes(error, socket),
      return503OnClosing: false,
    })
    this.#server = this.#app.server
    this.#connections = new Connections(this.#server)
  }

  /** @throws ListenError if the address is not to be had. */
  async listen(): Promise<void> {
    const { addr, settings, tls } = this.#options
    if (tls) this.#prepareTls(tls)
    this.#connections.open(settings.idleTimeoutMs)
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
        { onRequest: (request, reply) => void this.#track(serve(answer, beginCall(request.raw, reply.hijack().raw, request.originalUrl))) },
        () => undefined,
      )
    }
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work)
    void work.finally(() => this.#underWay.delete(work))
  }
}

/** Where Fastify finds what answers all paths that are not a route of their own; the request keeps its URL. */
const FALLBACK = '/v2/'

function pathOf(url: string): string {
  const question = url.indexOf('?')
  return question < 0 ? url : url.slice(0, question)
}

function createNodeServer(settings: HttpSettings, tls: TlsFiles | undefined, handler: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const limits: ServerOptions = {
    headersTimeout: settings.headersTimeoutMs,
    requestTimeout: 0, // a push may take hours: it ends only when no byte moves
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(settings.headersTimeoutMs, 5_000),
  }
  return tls ? createHttpsServer({ ...limits, ...tls.current().options }, handler) : createHttpServer(limits, handler)
}

const REFUSALS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** Bytes that are no HTTP request: an answer if nothing of another one is under way on this connection. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Duplex & { _httpMessage?: ServerResponse | null }): void {
  const isAnswerable = socket.writable && !socket._httpMessage?.headersSent && error.code !== 'ECONNRESET'
  if (!isAnswerable) return void socket.destroy()
  const status = REFUSALS[error.code ?? ''] ?? '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${status.length + 1}\r\nConnection: close\r\n\r\n${status}\n`)
  ;(socket as Socket).resume()
}
