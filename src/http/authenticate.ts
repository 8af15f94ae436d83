import type { Authenticator, Principal } from '../access/authenticate.ts'
import { parseBasic } from '../access/basic.ts'
import { OciError } from '../oci/error.ts'
import type { Call } from './call.ts'
import { findSource, type TrustedProxies } from './client-source.ts'

/** One thing a request needs leave for, spelled as Distribution's Go structs are. */
export interface AccessRequest {
  readonly Type: 'repository' | 'registry'
  readonly Class: ''
  readonly Name: string
  readonly Action: string
}

const ANONYMOUS: Principal = { kind: 'anonymous' }
const NOBODY = /^basic +og==$/i // an empty name and password: what podman and skopeo send of a user who has not logged in

/** Who is asked whose credentials a request carries, and whose word about its source counts. */
export interface Gate {
  readonly authenticator: Authenticator | undefined
  readonly settings: { readonly trustedProxies: TrustedProxies | undefined }
}

/**
 * Who sends this request: `undefined` with credentials that are wrong. Whoever shows none is anonymous, and without an authenticator everybody is.
 *
 * @throws OciError `TOOMANYREQUESTS` from the authenticator.
 */
export async function authenticate({ authenticator, settings }: Gate, { request, remoteAddress }: Call): Promise<Principal | undefined> {
  const { authorization } = request.headers
  if (!authenticator || authorization === undefined || NOBODY.test(authorization)) return ANONYMOUS
  const credentials = parseBasic(authorization)
  return credentials && authenticator.authenticate(credentials, findSource(request, remoteAddress, settings.trustedProxies))
}

/** The answer to a client without valid credentials, which lists what it wanted. */
export function challenge(authenticator: Authenticator | undefined, wanted: readonly AccessRequest[]): OciError {
  const { realm = '' } = authenticator ?? {}
  return new OciError('UNAUTHORIZED', wanted.length > 0 ? wanted : null, {
    headers: { 'WWW-Authenticate': `Basic realm="${realm.replaceAll(/["\\]/g, '\\$&')}"` },
  })
}

const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  GET: ['pull'],
  HEAD: ['pull'],
  POST: ['pull', 'push'],
  PUT: ['pull', 'push'],
  PATCH: ['pull', 'push'],
  DELETE: ['delete'],
}

/**
 * What a request asks for, in Distribution's order: the repository's actions by method, then the source of a mount.
 *
 * @see Distribution registry/handlers/app.go, appendAccessRecords
 */
export function repositoryAccess(method: string, name: string, from: string | null): AccessRequest[] {
  const own = (ACTIONS[method] ?? []).map((action) => repositoryAction(name, action))
  return from ? [...own, repositoryAction(from, 'pull')] : own
}

export const catalogAccess: readonly AccessRequest[] = [{ Type: 'registry', Class: '', Name: 'catalog', Action: '*' }]

function repositoryAction(name: string, action: string): AccessRequest {
  return { Type: 'repository', Class: '', Name: name, Action: action }
}
