import type { IncomingMessage } from 'node:http'
import type { Authenticator, Principal } from '../access/authenticate.ts'
import { parseBasic } from '../access/basic.ts'
import { OciError } from '../oci/error.ts'

/** One thing a request needs leave for, spelled as Distribution's Go structs are. */
export interface AccessRequest {
  readonly Type: 'repository' | 'registry'
  readonly Class: ''
  readonly Name: string
  readonly Action: string
}

/**
 * Who sends this request. Without an authenticator everybody is anonymous, and may do everything.
 *
 * @param wanted what the answer to a client without valid credentials lists.
 * @throws OciError `UNAUTHORIZED` with the challenge; `TOOMANYREQUESTS` from the authenticator.
 */
export async function authenticate(authenticator: Authenticator | undefined, request: IncomingMessage, wanted: readonly AccessRequest[]): Promise<Principal> {
  if (!authenticator) return { kind: 'anonymous' }
  const credentials = parseBasic(request.headers.authorization ?? '')
  const principal = credentials && (await authenticator.authenticate(credentials))
  if (principal) return principal
  throw new OciError('UNAUTHORIZED', wanted.length > 0 ? wanted : null, {
    headers: { 'WWW-Authenticate': `Basic realm="${authenticator.realm.replaceAll(/["\\]/g, '\\$&')}"` },
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
