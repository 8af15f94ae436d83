import type { TLSSocket } from 'node:tls'
import type { Authenticator } from '../access/authenticate.ts'
import { openPolicy, type Policy } from '../access/policy.ts'
import type { Notifier } from '../notifications/notifier.ts'
import type { Registry } from '../registry/registry.ts'
import { authenticate, challenge, type Gate } from './authenticate.ts'
import { authorityRoutes } from './authority-documents.ts'
import { debugRoutes } from './debug.ts'
import { affordableConnections } from './descriptors.ts'
import { answerApi, type Service } from './dispatch.ts'
import { fixed } from './fixed.ts'
import { type Health, live, type MetricsSource, metrics, ready, whileHealthy } from './health.ts'
import { Listener } from './listener.ts'
import type { HttpObserver } from './observer.ts'
import { empty, type Reply, text } from './reply.ts'
import { compileRoutes } from './router.ts'
import { type Answer, createServe } from './serve.ts'
import { type DebugSettings, defaultHttpSettings, type HttpSettings } from './settings.ts'
import { withoutOrigin } from './strict-request.ts'
import type { TlsFiles } from './tls-files.ts'
import { endpoints } from './v2/routes.ts'

export interface HttpServerOptions {
  readonly registry: Registry
  readonly settings: Partial<HttpSettings>
  readonly observer: HttpObserver
  readonly health: Health
  /** Without one, nobody has to log in. */
  readonly authenticator?: Authenticator | undefined
  /** The grants as they are at each moment; without any, whoever is let in may do everything. */
  readonly access?: { readonly policy: Policy } | undefined
  /** Open files of TLS; without them plain HTTP is served. */
  readonly tls?: TlsFiles | undefined
  readonly metrics?: MetricsSource | undefined
  /** The folder of lacre's own CA; what everybody may have of it is served once it is there. */
  readonly authorityFolder?: string | undefined
  /** Without one, nobody is told what happens. */
  readonly notifier?: Notifier | undefined
}

/** The registry on the network. */
export interface HttpServer {
  /** @throws ListenError if an address is not to be had. */
  listen(): Promise<void>
  /** Where clients reach it, once it listens: `host:port` or a socket's path; the debug address, if any, last. */
  readonly addresses: readonly string[]
  /** Stops taking connections, lets requests finish for `drainMs`, then ends them. The registry is idle on return. */
  close(drainMs: number): Promise<void>
}

export function createServer(options: HttpServerOptions): HttpServer {
  const chosen = { ...defaultHttpSettings, ...options.settings }
  const settings = { ...chosen, maxConnections: Math.min(chosen.maxConnections, affordableConnections()) }
  const debug = settings.debug && createDebugListener(options, settings, settings.debug)
  const listeners = [createMainListener(options, settings), ...(debug ? [debug] : [])]
  return {
    async listen() {
      try {
        // @NOTE the main one last: a caller that is root still then drops that before any request to the volume is read
        for (const listener of listeners.toReversed()) await listener.listen()
      } catch (error) {
        await closeAll(listeners, 0)
        throw error
      }
    },
    get addresses() {
      return listeners.map(({ address }) => address)
    },
    close: (drainMs) => closeAll(listeners, drainMs),
  }
}

async function closeAll(listeners: readonly Listener[], drainMs: number): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close(drainMs)))
}

function createMainListener(options: HttpServerOptions, settings: HttpSettings): Listener {
  const { registry, authenticator, access = { policy: openPolicy }, notifier, tls, observer, health } = options
  const service: Service = { registry, authenticator, access, notifier, settings, findRoute: compileRoutes(endpoints) }
  return new Listener({
    addr: settings.addr,
    settings,
    tls,
    routes: {
      '/': admitted(tls, whileHealthy(health, root)),
      '/healthz': fixed('healthz', async () => live()),
      '/readyz': fixed('readyz', async () => ready(health)),
      ...authorityRoutes(options.authorityFolder),
      ...metricsRoute(settings.metricsPath, options.metrics, (answer) => admitted(tls, authenticated({ authenticator, settings }, answer))),
    },
    fallback: admitted(tls, whileHealthy(health, apiBelow(settings.prefix, service))),
    createServe: (isDraining) => createServe({ settings, observer, isDraining }),
  })
}

const DEBUG_CONNECTIONS = 32

/** Plain and open, as Distribution's `http.debug`: for a network that only operators reach. */
function createDebugListener({ observer, health, metrics }: HttpServerOptions, settings: HttpSettings, debug: DebugSettings): Listener {
  return new Listener({
    addr: debug.addr,
    settings: { ...settings, net: 'tcp', inheritedSocket: undefined, maxConnections: Math.min(settings.maxConnections, DEBUG_CONNECTIONS) },
    routes: {
      ...debugRoutes(health),
      '/healthz': fixed('healthz', async () => live()),
      '/readyz': fixed('readyz', async () => ready(health)),
      ...metricsRoute(debug.metricsPath, metrics, (answer) => answer),
    },
    fallback: async () => notFound(),
    createServe: (isDraining) => createServe({ settings: { ...settings, headers: {} }, observer, isDraining }),
  })
}

function metricsRoute(path: string | undefined, source: MetricsSource | undefined, guard: (answer: Answer) => Answer): Record<string, Answer> {
  if (!path || !source) return {}
  return { [path]: guard(fixed('metrics', () => metrics(source))) }
}

/** An answer for those whose client certificate is what the configuration asks for. */
function admitted(tls: TlsFiles | undefined, answer: Answer): Answer {
  if (!tls?.asksForCertificates) return answer
  return async (call) => {
    await tls.admit(call.request.socket as TLSSocket)
    return answer(call)
  }
}

function authenticated(gate: Gate, answer: Answer): Answer {
  return async (call) => {
    const principal = await authenticate(gate, call)
    if (gate.authenticator && principal?.kind !== 'account') throw challenge(gate.authenticator, [])
    return answer(call)
  }
}

const root = fixed('root', async () => empty(200, { 'Cache-Control': 'no-cache' }))

function apiBelow(prefix: string, service: Service): Answer {
  return async (call) => {
    const target = withoutOrigin(call.url)
    if (!target.startsWith(prefix)) return notFound()
    return answerApi(service, call, target.slice(prefix.length - 1))
  }
}

function notFound(): Reply {
  return text(404, '404 page not found\n')
}
