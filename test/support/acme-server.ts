import { createHash, createHmac, createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject, randomBytes, verify, X509Certificate } from 'node:crypto'
import type { AcmeAnswer, AcmeRequest } from '../../src/pki/acme/transport.ts'
import { parseRequest } from '../../src/pki/certificate-request.ts'
import { parseCertificateNames } from '../../src/pki/names.ts'
import { signCertificate } from '../../src/pki/sign-certificate.ts'
import type { TestCertificate } from './certificates.ts'

const ORIGIN = 'https://acme.test'
const DAY_MS = 24 * 60 * 60 * 1000

interface Problem {
  readonly type: string
  readonly detail: string
  readonly status?: number
  readonly retryAfter?: string
}

interface Call {
  readonly payload: Record<string, unknown> | undefined
  readonly key: KeyObject
  readonly url: string
}

interface Order {
  readonly identifiers: readonly { type: string; value: string }[]
  readonly profile: unknown
  readonly replaces: unknown
  status: string
  polls: number
  chain?: string
}

interface Authorization {
  readonly identifier: { type: string; value: string }
  readonly token: string
  status: string
  error?: Problem
}

/** A strict ACME server with renewal information, asked by function call: RFC 8555 and 9773. Time is the test's. */
export class AcmeServer {
  readonly directoryUrl = `${ORIGIN}/directory`
  readonly orders: Order[] = []
  /** What was asked, as `POST /order/0`. */
  readonly asked: string[] = []
  /** Refuses every nth nonce. */
  refuseNonceEvery = Number.POSITIVE_INFINITY
  /** Looks at the client's answer; a problem means that the challenge failed. */
  validate: (challenge: { type: string; name: string; token: string; thumbprint: string }) => Problem | undefined = () => undefined
  /** Instead of the next answer to a POST whose path begins so. */
  readonly refusals = new Map<string, Problem>()
  bindings: Readonly<Record<string, string>> | undefined
  window: { start: string; end: string; retryAfter: string } | undefined
  lifeMs = 90 * DAY_MS
  readonly #authority: TestCertificate
  readonly #now: () => number
  readonly #nonces = new Set<string>()
  readonly #accounts: { key: KeyObject; thumbprint: string; contact: unknown }[] = []
  readonly #authorizations: Authorization[] = []
  #noncesSeen = 0

  constructor(authority: TestCertificate, now: () => number) {
    this.#authority = authority
    this.#now = now
  }

  get contacts(): unknown[] {
    return this.#accounts.map(({ contact }) => contact)
  }

  /** A transport's function. */
  readonly ask = async (url: string, request: AcmeRequest): Promise<AcmeAnswer> => {
    const { pathname } = new URL(url)
    this.asked.push(`${request.method} ${pathname}`)
    try {
      if (request.method !== 'POST') return this.#public(pathname)
      const call = this.#open(url, request.body ?? '')
      const [prefix, refusal] = [...this.refusals].find(([path]) => pathname.startsWith(path)) ?? []
      if (prefix !== undefined && refusal) {
        this.refusals.delete(prefix)
        throw refusal
      }
      return await this.#signed(pathname, call)
    } catch (error) {
      if (!isProblem(error)) throw error
      const { status = 403, retryAfter, ...problem } = error
      const document = { ...problem, type: `urn:ietf:params:acme:error:${problem.type}` }
      return this.#answer(status, document, retryAfter === undefined ? {} : { 'retry-after': retryAfter })
    }
  }

  #public(path: string): AcmeAnswer {
    if (path === '/directory') return this.#answer(200, this.#directory())
    if (path === '/nonce') return this.#answer(200, {})
    if (path.startsWith('/renewal/') && this.window) {
      const { retryAfter, ...suggestedWindow } = this.window
      return this.#answer(200, { suggestedWindow }, { 'retry-after': retryAfter })
    }
    throw problem('malformed', `nothing at ${path}`, 404)
  }

  #directory() {
    const paths = { newNonce: '/nonce', newAccount: '/account', newOrder: '/order', ...(this.window && { renewalInfo: '/renewal' }) }
    const meta = { profiles: { shortlived: 'days' }, ...(this.bindings && { externalAccountRequired: true }) }
    return { ...Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, ORIGIN + path])), meta }
  }

  /** @throws what the server refuses: a wrong signature, a used nonce, another URL */
  #open(url: string, body: string): Call {
    const jws = JSON.parse(body) as { protected: string; payload: string; signature: string }
    const header = decode(jws.protected) as { alg: string; nonce: string; url: string; kid?: string; jwk?: JsonWebKey }
    const isFresh = this.#nonces.delete(header.nonce)
    this.#noncesSeen++
    if (!isFresh || this.#noncesSeen % this.refuseNonceEvery === 0) throw problem('badNonce', 'another nonce, please', 400)
    if (header.alg !== 'ES256' || header.url !== url || (header.kid === undefined) === (header.jwk === undefined)) throw problem('malformed', 'a wrong header')
    const key = header.jwk ? createPublicKey({ key: header.jwk, format: 'jwk' }) : this.#accounts[Number(header.kid?.split('/').at(-1))]?.key
    const signed = Buffer.from(`${jws.protected}.${jws.payload}`)
    if (!key || !verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(jws.signature, 'base64url')))
      throw problem('unauthorized', 'a wrong signature')
    return { key, url, payload: jws.payload === '' ? undefined : (decode(jws.payload) as Record<string, unknown>) }
  }

  async #signed(path: string, call: Call): Promise<AcmeAnswer> {
    const [, noun, id = '', action] = path.split('/')
    if (path === '/account') return this.#register(call)
    if (path === '/order') return this.#newOrder(call)
    if (noun === 'order' && action === 'finalize') return this.#finalize(Number(id), call)
    if (noun === 'order') return this.#showOrder(Number(id))
    if (noun === 'authorization') return this.#showAuthorization(Number(id))
    if (noun === 'challenge') return this.#tryChallenge(Number(id), action ?? '', call)
    if (noun === 'certificate') return { status: 200, headers: this.#nonceHeader(), text: this.orders[Number(id)]?.chain ?? '' }
    throw problem('malformed', `nothing at ${path}`, 404)
  }

  #register({ key, payload, url }: Call): AcmeAnswer {
    const known = this.#accounts.findIndex((account) => account.key.equals(key))
    if (this.bindings && known < 0) this.#checkBinding(payload?.['externalAccountBinding'], key, url)
    const jwk = key.export({ format: 'jwk' })
    if (known < 0) this.#accounts.push({ key, contact: payload?.['contact'], thumbprint: thumbprintOf(jwk) })
    const id = known < 0 ? this.#accounts.length - 1 : known
    return this.#answer(known < 0 ? 201 : 200, { status: 'valid' }, { location: `${ORIGIN}/account/${id}` })
  }

  #checkBinding(binding: unknown, key: KeyObject, url: string): void {
    const { protected: head = '', payload = '', signature = '' } = (binding ?? {}) as Record<string, string>
    const header = head ? (decode(head) as { kid: string; url: string; alg: string }) : undefined
    const hmacKey = Buffer.from(this.bindings?.[header?.kid ?? ''] ?? '', 'base64url')
    const expected = createHmac('sha256', hmacKey).update(`${head}.${payload}`).digest('base64url')
    const isForKey = payload !== '' && createPublicKey({ key: decode(payload) as JsonWebKey, format: 'jwk' }).equals(key)
    if (signature !== expected || header?.url !== url || header.alg !== 'HS256' || !isForKey) throw problem('unauthorized', 'a wrong binding')
  }

  #newOrder({ payload }: Call): AcmeAnswer {
    const identifiers = payload?.['identifiers'] as Order['identifiers']
    this.orders.push({ identifiers, profile: payload?.['profile'], replaces: payload?.['replaces'], status: 'pending', polls: 0 })
    for (const identifier of identifiers) this.#authorizations.push({ identifier, token: randomBytes(16).toString('base64url'), status: 'pending' })
    const id = this.orders.length - 1
    return { ...this.#showOrder(id), status: 201, headers: { ...this.#nonceHeader(), location: `${ORIGIN}/order/${id}` } }
  }

  /** Half made: an order is a moment in `processing`. */
  #showOrder(id: number): AcmeAnswer {
    const order = this.orders[id]
    if (!order) throw problem('malformed', 'no such order', 404)
    const first = this.orders.slice(0, id).reduce((sum, { identifiers }) => sum + identifiers.length, 0)
    const mine = this.#authorizations.slice(first, first + order.identifiers.length)
    if (order.status === 'pending' && mine.every(({ status }) => status === 'valid')) order.status = 'ready'
    if (order.status === 'processing' && order.polls++ > 0) order.status = 'valid'
    const authorizations = mine.map((_, index) => `${ORIGIN}/authorization/${first + index}`)
    const certificate = order.status === 'valid' ? { certificate: `${ORIGIN}/certificate/${id}` } : {}
    return this.#answer(200, { status: order.status, authorizations, finalize: `${ORIGIN}/order/${id}/finalize`, ...certificate }, { 'retry-after': '3' })
  }

  #showAuthorization(id: number): AcmeAnswer {
    const { identifier, token, status, error } = this.#authorizations[id] as Authorization
    const failed = error && { error: { ...error, type: `urn:ietf:params:acme:error:${error.type}` } }
    const challenges = ['http-01', 'tls-alpn-01', 'dns-01'].map((type) => ({ type, token, url: `${ORIGIN}/challenge/${id}/${type}`, ...failed }))
    return this.#answer(200, { status, identifier, challenges })
  }

  #tryChallenge(id: number, type: string, { key }: Call): AcmeAnswer {
    const authorization = this.#authorizations[id] as Authorization
    const thumbprint = thumbprintOf(key.export({ format: 'jwk' }))
    const found = this.validate({ type, name: authorization.identifier.value, token: authorization.token, thumbprint })
    authorization.status = found ? 'invalid' : 'valid'
    if (found) authorization.error = found
    return this.#answer(200, { type, token: authorization.token })
  }

  async #finalize(id: number, { payload }: Call): Promise<AcmeAnswer> {
    const order = this.orders[id] as Order
    if (order.status !== 'ready') throw problem('orderNotReady', `the order is ${order.status}`)
    order.chain = await this.#certify(Buffer.from(String(payload?.['csr']), 'base64url'), order)
    order.status = 'processing'
    return this.#showOrder(id)
  }

  async #certify(csr: Buffer, { identifiers }: Order): Promise<string> {
    const { publicKey, names: wanted } = parseRequest(csr, 'the request')
    const issuer = { key: createPrivateKey(this.#authority.keyText), certificate: new X509Certificate(this.#authority.cert) }
    const names = parseCertificateNames(identifiers.map(({ value }) => value))
    if (JSON.stringify(wanted) !== JSON.stringify(names)) throw problem('badCSR', 'other names than the order')
    const validity = { notBefore: new Date(this.#now()), notAfter: new Date(this.#now() + this.lifeMs) }
    const leaf = signCertificate(issuer, { profile: 'server', subject: [], publicKey, names, ...validity })
    return leaf.toString() + this.#authority.cert
  }

  #answer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): AcmeAnswer {
    return { status, headers: { ...this.#nonceHeader(), ...headers }, text: JSON.stringify(body) }
  }

  #nonceHeader(): Record<string, string> {
    const nonce = randomBytes(16).toString('base64url')
    this.#nonces.add(nonce)
    return { 'replay-nonce': nonce }
  }
}

function problem(type: string, detail: string, status = 403): Problem {
  return { type, detail, status }
}

function isProblem(error: unknown): error is Problem {
  return typeof error === 'object' && error !== null && 'detail' in error && 'type' in error
}

function decode(text: string): unknown {
  return JSON.parse(Buffer.from(text, 'base64url').toString())
}

function thumbprintOf({ crv, kty, x, y }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}
