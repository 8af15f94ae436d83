import type { IncomingMessage } from 'node:http'
import { type Reply, text } from './reply.ts'

const VERSIONS = new Set(['1.0', '1.1'])
const HOST = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\w.:%~-]+\])(?::\d*)?$/ // RFC 3986 3.2.2; empty where a client has no name for us
const CHUNKED_LAST = /(?:^|[, \t])chunked$/i
const ORIGIN = /^https?:\/\/([^/?]*)/i

/** The path and query of a target, which names the whole URL when the client takes us for a proxy. */
export function withoutOrigin(target: string): string {
  const origin = target.startsWith('/') ? undefined : ORIGIN.exec(target)?.[0]
  if (origin === undefined) return target
  const path = target.slice(origin.length)
  return path.startsWith('/') ? path : `/${path}`
}

/**
 * Refuses what Node's parser lets pass, and others on the way may read otherwise; afterwards `Host` is the one that counts.
 *
 * @see RFC 9112 2.3 (version), 3.2 (Host), 3.2.2 (absolute-form), 6.1 (Transfer-Encoding)
 */
export function refuseLoose(request: IncomingMessage, target: string): Reply | undefined {
  const { headers, httpVersion } = request
  if (!VERSIONS.has(httpVersion)) return refusal(505, 'HTTP Version Not Supported')
  const coding = headers['transfer-encoding']
  if (coding !== undefined && (httpVersion === '1.0' || !CHUNKED_LAST.test(coding))) return refusal(400, 'Bad Request: nothing says where the body ends')
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return refusal(501, 'Not Implemented: no coding but chunked')
  if (countHosts(request.rawHeaders) > 1) return refusal(400, 'Bad Request: more than one Host')
  const named = target.startsWith('/') ? undefined : ORIGIN.exec(target)?.[1]
  if (named !== undefined) headers.host = named
  return HOST.test(headers.host ?? '') ? undefined : refusal(400, 'Bad Request: no valid Host')
}

function refusal(status: number, reason: string): Reply {
  return text(status, `${status} ${reason}\n`, { Connection: 'close' })
}

function countHosts(rawHeaders: readonly string[]): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) if (rawHeaders[index]?.length === 4 && rawHeaders[index]?.toLowerCase() === 'host') count++
  return count
}
