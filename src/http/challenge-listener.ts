import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { ChallengeAnswers } from '../pki/acme/challenge-answers.ts'
import { formatAddress, ListenError, listenError, parseAddress } from './address.ts'

// @NOTE an import would load all that node:http re-exports, fetch included: 45 ms of each start
const { createServer } = process.getBuiltinModule('node:http')

export interface ChallengeListenerOptions {
  readonly addr: string
  readonly answers: ChallengeAnswers
  /** The HTTPS origin of a host that is ours. */
  readonly findOrigin: (host: string) => string | undefined
}

const LIMITS = { maxHeaderSize: 8 * 1024, headersTimeout: 10_000, requestTimeout: 10_000, connectionsCheckingInterval: 5_000 } as const
const CONNECTIONS = 100

/** Plain HTTP for ACME's http-01 (RFC 8555, 8.3); everybody else is sent to HTTPS. Each connection has one answer. */
export class ChallengeListener {
  readonly #options: ChallengeListenerOptions
  readonly #server: Server

  constructor(options: ChallengeListenerOptions) {
    this.#options = options
    this.#server = createServer(LIMITS, (request, response) => this.#answer(request, response))
    this.#server.maxConnections = CONNECTIONS
  }

  /** @throws ListenError if the address is not to be had. */
  async listen(): Promise<void> {
    const { addr } = this.#options
    try {
      this.#server.listen(parseAddress(addr, 'tcp'))
      await once(this.#server, 'listening')
    } catch (cause) {
      const { message, hint } = cause instanceof ListenError ? cause : listenError(addr, cause as NodeJS.ErrnoException)
      throw new ListenError(message, { hint: hint.replaceAll('http.addr', 'lacre.acme.httpaddr'), cause })
    }
  }

  get address(): string {
    return formatAddress(this.#server.address())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { status, headers, body } = this.#replyTo(request)
    response.writeHead(status, { ...headers, Connection: 'close', 'Content-Length': Buffer.byteLength(body) })
    response.end(body)
  }

  #replyTo({ method, url = '', headers: { host = '' } }: IncomingMessage): PlainReply {
    if (method !== 'GET' && method !== 'HEAD') return { status: 405, headers: { Allow: 'GET, HEAD' }, body: 'HTTPS is spoken here\n' }
    const text = this.#options.answers.findText(url)
    if (text !== undefined) return { status: 200, headers: { 'Content-Type': 'application/octet-stream' }, body: text }
    const origin = url.startsWith('/') ? this.#options.findOrigin(host.replace(/:\d*$/, '').toLowerCase()) : undefined
    return origin === undefined ? { status: 404, headers: {}, body: '404 page not found\n' } : { status: 308, headers: { Location: origin + url }, body: '' }
  }
}

interface PlainReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
