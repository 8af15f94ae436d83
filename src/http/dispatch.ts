import type { IncomingMessage } from 'node:http'
import type { Authenticator, Principal } from '../access/authenticate.ts'
import type { Policy } from '../access/policy.ts'
import type { Notifier } from '../notifications/notifier.ts'
import { OciError } from '../oci/error.ts'
import type { Registry } from '../registry/registry.ts'
import { announcerFor } from './announce.ts'
import { type AccessRequest, authenticate, catalogAccess, challenge, repositoryAccess } from './authenticate.ts'
import { type Deed, Leave } from './authorize.ts'
import { awaitsLeave, RequestBody } from './body.ts'
import type { Call } from './call.ts'
import type { Exchange } from './exchange.ts'
import { locatorFor } from './location.ts'
import { empty, type Reply, text } from './reply.ts'
import { type Endpoint, type FindRoute, type Match, parseCaptures, type Route } from './router.ts'
import type { HttpSettings } from './settings.ts'

/** What answering takes, the same for every request. */
export interface Service {
  readonly registry: Registry
  readonly authenticator: Authenticator | undefined
  /** The grants as they are now. */
  readonly access: { readonly policy: Policy }
  readonly settings: HttpSettings
  readonly findRoute: FindRoute
  readonly notifier: Notifier | undefined
}

/**
 * Answers one request to the API: route, who, may they, parse, do.
 *
 * @param target path and query as the client sent them, without `http.prefix`.
 * @throws OciError, or anything else for a defect or an outage.
 */
export async function answerApi(service: Service, call: Call, target: string): Promise<Reply> {
  const { path, query } = splitTarget(target)
  const match = service.findRoute(path)
  if (!match) return redirectOrNotFound(service, path)

  const { request, findings } = call
  const method = request.method ?? 'GET'
  const endpoint = match.route.endpoints.get(method)
  noteRoute(findings, match, endpoint)
  const principal = await authenticate(service, call)
  if (principal?.kind === 'account') findings.account = principal.name
  const leave = leaveOf(service, call, principal)
  if (!principal || !isLetIn(leave, endpoint, match)) throw challenge(service.authenticator, wantedAccess(method, match, query))

  if (method === 'OPTIONS') return empty(200, { Allow: allowedMethods(match.route, service.settings) })
  if (!endpoint) throw methodNotAllowed(match.route, service.settings, `${method} is not possible here`)
  refuseDisabled(endpoint, match.route, service.settings)
  const params = parseCaptures(match.captures)
  const deed = deedOf(endpoint, match)
  if (deed) leave.demand(deed)
  return endpoint.handler(openExchange(service, call, { principal, leave, params, query }))
}

/** @param principal `undefined` is somebody with wrong credentials, who is let in nowhere. */
function leaveOf({ access, authenticator }: Service, { remoteAddress, startedAt }: Call, principal: Principal = { kind: 'anonymous' }): Leave {
  return new Leave({ principal, policy: access.policy, address: remoteAddress, now: startedAt, authenticator })
}

/** Whether a request is looked at any further: a stranger's only if it is allowed, so that the rest tells nobody anything. */
function isLetIn(leave: Leave, endpoint: Endpoint | undefined, match: Match): boolean {
  if (!leave.isStranger) return true
  if (!endpoint) return false
  const { action } = endpoint
  if (action === 'ping' || action === 'catalog') return leave.admits(action)
  const deed = deedOf(endpoint, match)
  return deed !== undefined && leave.allows(deed)
}

/** What a request does to a repository, if it is about one. */
function deedOf({ action }: Endpoint, { captures }: Match): Deed | undefined {
  const { name: repository, reference } = captures
  if (action === 'ping' || action === 'catalog' || repository === undefined) return undefined
  const tag = reference?.includes(':') ? undefined : reference
  return { action, repository, tag }
}

function splitTarget(target: string): { path: string; query: URLSearchParams } {
  const question = target.indexOf('?')
  if (question < 0) return { path: target, query: new URLSearchParams() }
  return { path: target.slice(0, question), query: new URLSearchParams(target.slice(question + 1)) }
}

/** A slash too few or too many at the end is a redirect, as in Distribution; the rest does not exist. */
function redirectOrNotFound({ findRoute, settings }: Service, path: string): Reply {
  const other = path.endsWith('/') ? withoutLastSlashes(path) : `${path}/`
  if (findRoute(other)) return empty(301, { Location: `${settings.prefix.replace(/\/$/, '')}${other}` })
  return text(404, '404 page not found\n')
}

/** @NOTE a pattern for this takes time with the square of the slashes, and anybody may send them. */
function withoutLastSlashes(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end--
  return path.slice(0, end)
}

function noteRoute(findings: Call['findings'], { captures }: Match, endpoint: Endpoint | undefined): void {
  if (endpoint) findings.endpoint = endpoint.id
  if (captures['name'] !== undefined) findings.repository = captures['name']
}

function wantedAccess(method: string, { route, captures }: Match, query: URLSearchParams): readonly AccessRequest[] {
  const name = captures['name']
  if (name !== undefined) return repositoryAccess(method, name, query.get('from'))
  return route.endpoints.get('GET')?.action === 'catalog' ? catalogAccess : []
}

const HINTS = {
  delete: 'deletion is off: set storage.delete.enabled to true (REGISTRY_STORAGE_DELETE_ENABLED=true)',
  readOnly: 'this registry is read-only: set storage.maintenance.readonly.enabled to false to write to it',
} as const

/** @throws OciError `UNSUPPORTED` with a hint that names the setting. */
function refuseDisabled(endpoint: Endpoint, route: Route, settings: HttpSettings): void {
  if (isPossible(endpoint, settings)) return
  throw methodNotAllowed(route, settings, settings.readOnly ? HINTS.readOnly : HINTS.delete)
}

function isPossible({ action }: Endpoint, settings: HttpSettings): boolean {
  if (settings.readOnly && (action === 'push' || action === 'delete')) return false
  return action !== 'delete' || settings.deletionEnabled
}

function allowedMethods({ endpoints }: Route, settings: HttpSettings): string {
  return [...endpoints]
    .flatMap(([method, endpoint]) => (isPossible(endpoint, settings) ? [method] : []))
    .sort()
    .join(', ')
}

function methodNotAllowed(route: Route, settings: HttpSettings, hint: string): OciError {
  return new OciError('UNSUPPORTED', { hint }, { headers: { Allow: allowedMethods(route, settings) } })
}

type Address = Pick<Exchange, 'leave' | 'params' | 'query'> & { readonly principal: Principal }

function openExchange(service: Service, call: Call, { principal, ...address }: Address): Exchange {
  const { request, response, findings } = call
  const { headers } = request
  const locate = locatorFor(request, service.settings)
  return {
    registry: service.registry,
    settings: service.settings,
    ...address,
    isHead: request.method === 'HEAD',
    headers,
    contentLength: statedLength(request),
    locate,
    announce: announcerFor(service.notifier, call, { principal, locate }),
    openBody() {
      findings.body = new RequestBody(request, () => {
        if (awaitsLeave(request)) response.writeContinue()
      })
      return findings.body
    },
  }
}

function statedLength({ headers }: IncomingMessage): number | undefined {
  if (headers['content-length'] !== undefined) return Number(headers['content-length'])
  return headers['transfer-encoding'] === undefined ? 0 : undefined
}
