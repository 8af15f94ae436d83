import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import { createSecureContext, getCACertificates } from 'node:tls'
import { addressOf, type Endpoint } from './endpoint.ts'
import { EVENTS_MEDIA_TYPE } from './event.ts'

// @NOTE an import would load all that node:http re-exports, fetch included: 45 ms of each start
const { Agent: PlainAgent, request: plainRequest, STATUS_CODES } = process.getBuiltinModule('node:http')
const { Agent: TlsAgent, request: tlsRequest } = process.getBuiltinModule('node:https')

/** What became of one try. `reason` is for people and holds no secrets. */
export type Outcome =
  | { readonly kind: 'accepted'; readonly status: string }
  | { readonly kind: 'refused'; readonly status: string; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

/** Sends one body; never rejects. */
export type Post = (body: string, signal: AbortSignal) => Promise<Outcome>

const ANSWER_LIMIT = 64 * 1024 // an answer's body says nothing to us
const REDIRECTS_MOST = 3

/** A connection to an endpoint, kept open from one event to the next. */
export function openPost(endpoint: Endpoint): Post {
  const agent = openAgent(endpoint)
  const headers = headersOf(endpoint)
  return async (body, signal) => {
    const timeout = AbortSignal.timeout(endpoint.timeoutMs)
    const send = (url: URL) => sendOnce(url, body, { agent, headers, signal: AbortSignal.any([timeout, signal]) })
    try {
      return await sendAndFollow(new URL(endpoint.url), send)
    } catch (error) {
      return { kind: 'failed', reason: timeout.aborted ? `there was no answer within ${endpoint.timeoutMs} ms` : describe(error as NodeJS.ErrnoException) }
    }
  }
}

/**
 * Trusts what this machine trusts, as Go does, and what Node brings along.
 *
 * @NOTE a secure context of its own: Node would otherwise read all authorities again at each connection
 */
function openAgent({ url }: Endpoint): Agent {
  const options = { keepAlive: true, maxFreeSockets: 1 }
  if (!url.startsWith('https:')) return new PlainAgent(options)
  const ca = [...getCACertificates('default'), ...getCACertificates('system')]
  return new TlsAgent({ ...options, secureContext: createSecureContext({ ca }) })
}

const NOT_FROM_CONFIGURATION = new Set(['host', 'content-length', 'transfer-encoding', 'trailer', 'connection']) // Go writes its own as well

/** As Distribution, which adds a configured Content-Type to its own. */
function headersOf({ headers }: Endpoint): Record<string, string[]> {
  const all: Record<string, string[]> = { 'content-type': [EVENTS_MEDIA_TYPE] }
  for (const [name, values] of Object.entries(headers)) {
    const key = name.toLowerCase()
    if (!NOT_FROM_CONFIGURATION.has(key)) all[key] = [...(all[key] ?? []), ...values]
  }
  return { 'user-agent': ['lacre'], ...all }
}

interface Sending {
  readonly agent: Agent
  readonly headers: Record<string, string[]>
  readonly signal: AbortSignal
}

type Send = (url: URL) => Promise<IncomingMessage>

/** Follows what asks for the same POST elsewhere on the same server; the headers may hold secrets, which nobody else gets. */
async function sendAndFollow(url: URL, send: Send): Promise<Outcome> {
  let at = url
  for (let hop = 0; ; hop++) {
    const response = await send(at)
    await discard(response)
    const target = [307, 308].includes(response.statusCode ?? 0) ? URL.parse(response.headers.location ?? '', at.href) : null
    if (target?.origin !== url.origin || hop === REDIRECTS_MOST) return judge(response, at)
    at = target
  }
}

/**
 * Distribution takes any 2xx and 3xx for accepted, after redirects, in which Go's client may have lost the event. Here a
 * redirect that was not followed is a refusal, but for 303, which says that the event was taken.
 */
function judge(response: IncomingMessage, at: URL): Outcome {
  const { statusCode: code = 0, headers } = response
  const status = `${code} ${STATUS_CODES[code] ?? ''}`.trim()
  const isElsewhere = [301, 302, 307, 308].includes(code) && headers.location !== undefined
  if (code >= 200 && code < 400 && !isElsewhere) return { kind: 'accepted', status }
  if (!isElsewhere) return { kind: 'refused', status, reason: `it answers ${status}` }
  const target = URL.parse(headers.location ?? '', at.href)
  const address = target && /^https?:$/.test(target.protocol) ? addressOf({ url: target.href }).slice(0, 200) : 'another place'
  return { kind: 'refused', status, reason: `it answers ${status} to ${address}, which is not followed: set its url to where events shall go` }
}

/** A connection that the other side closed while it was idle says nothing about the endpoint: another one is tried at once. */
async function sendOnce(url: URL, body: string, sending: Sending): Promise<IncomingMessage> {
  const first = open(url, sending)
  try {
    return await answerOf(first, body)
  } catch (error) {
    if (!first.reusedSocket || (error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
    return await answerOf(open(url, sending), body)
  }
}

function open(url: URL, { agent, headers, signal }: Sending): ClientRequest {
  const request = url.protocol === 'https:' ? tlsRequest : plainRequest
  return request(url, { method: 'POST', agent, headers, signal })
}

function answerOf(request: ClientRequest, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve).on('error', reject)
    request.setHeader('content-length', Buffer.byteLength(body))
    request.end(body)
  })
}

/** Reads a short body to its end, so that the connection serves again; a long or slow one ends with its connection. */
function discard(response: IncomingMessage): Promise<void> {
  let size = 0
  response.on('error', () => undefined)
  response.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > ANSWER_LIMIT) response.destroy()
  })
  return new Promise((resolve) => response.once('close', resolve))
}

const UNTRUSTED = new Set(['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT'])

function describe({ code = '', message }: NodeJS.ErrnoException): string {
  if (UNTRUSTED.has(code))
    return `its certificate is of an authority that this machine does not trust (${code}): add that authority to the system's, and start anew`
  return code && !message.includes(code) ? `${message} (${code})` : message || code
}
