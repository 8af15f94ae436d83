import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import { createSecureContext, getCACertificates } from 'node:tls'
import { AcmeError } from './acme-error.ts'

// @NOTE an import would load all that node:https re-exports
const { Agent: TlsAgent, request: tlsRequest } = process.getBuiltinModule('node:https')

export interface AcmeRequest {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface AcmeAnswer {
  readonly status: number
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** Asks an ACME server. @throws AcmeError `network` when there is no whole answer. */
export type Transport = (url: string, request: AcmeRequest, signal: AbortSignal) => Promise<AcmeAnswer>

const TIMEOUT_MS = 30_000
const ANSWER_LIMIT = 256 * 1024 // a chain of certificates is the longest, and has a few KiB

/**
 * HTTPS to a server that this machine trusts, as for webhooks; redirects are not followed.
 *
 * @param authorities PEM of what is trusted besides, for an ACME server of one's own
 */
export function openTransport(authorities?: string): Transport {
  const ca = [...getCACertificates('default'), ...getCACertificates('system'), ...(authorities ? [authorities] : [])]
  const agent = new TlsAgent({ keepAlive: false, secureContext: createSecureContext({ ca }) })
  return async (url, request, signal) => {
    const timeout = AbortSignal.timeout(TIMEOUT_MS)
    try {
      return await send(url, request, { agent, signal: AbortSignal.any([timeout, signal]) })
    } catch (cause) {
      signal.throwIfAborted()
      throw networkError(url, cause as NodeJS.ErrnoException, timeout.aborted)
    }
  }
}

async function send(url: string, { method, headers, body }: AcmeRequest, options: { agent: Agent; signal: AbortSignal }): Promise<AcmeAnswer> {
  const request = tlsRequest(url, { method, headers: { 'User-Agent': 'lacre', ...headers }, ...options })
  const response = await responseTo(request, body)
  return { status: response.statusCode ?? 0, headers: response.headers, text: await readText(response) }
}

function responseTo(request: ClientRequest, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve).on('error', reject)
    request.end(body)
  })
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > ANSWER_LIMIT) throw new Error(`the answer is longer than ${ANSWER_LIMIT} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size).toString('utf8')
}

const UNTRUSTED = new Set(['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT'])

const HINTS: Readonly<Record<string, string>> = {
  ENOTFOUND: "check http.tls.letsencrypt.directoryurl and this machine's DNS",
  EAI_AGAIN: "this machine's DNS does not answer; the next try comes by itself",
  ECONNREFUSED: 'nothing listens there: check http.tls.letsencrypt.directoryurl',
}

function networkError(url: string, cause: NodeJS.ErrnoException, isTimeout: boolean): AcmeError {
  const { code = '', message } = cause
  const reason = isTimeout ? `there was no answer within ${TIMEOUT_MS / 1000} s` : code && !message.includes(code) ? `${message} (${code})` : message || code
  const hint = UNTRUSTED.has(code)
    ? 'its certificate is of an authority that this machine does not trust: name a file with that authority in lacre.acme.cafile (lacre up: --acme-ca)'
    : (HINTS[code] ?? 'this registry must reach the ACME server by HTTPS: look at firewall, proxy and DNS')
  return new AcmeError(`cannot reach the ACME server ${new URL(url).host}: ${reason}`, { type: 'network', hint, cause })
}
