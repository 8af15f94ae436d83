import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { AcmeError, type AcmeProblem, quote, toAcmeError } from './acme-error.ts'
import type { Binding } from './binding.ts'
import { publicJwk, signBinding, signJws, thumbprint } from './jws.ts'
import type { AcmeAnswer, Transport } from './transport.ts'

export interface AcmeClientOptions {
  readonly transport: Transport
  /** URL of the server's directory. */
  readonly directoryUrl: string
  /** The account's, P-256. */
  readonly key: KeyObject
  /** Ends what is under way. */
  readonly signal: AbortSignal
  readonly now: () => number
}

export interface Registration {
  readonly email?: string | undefined
  /** External account binding, for servers that want it. */
  readonly binding?: Binding | undefined
}

const directorySchema = z.object({
  newNonce: z.string(),
  newAccount: z.string(),
  newOrder: z.string(),
  renewalInfo: z.string().optional(),
  meta: z
    .object({
      termsOfService: z.string().optional(),
      externalAccountRequired: z.boolean().optional(),
      profiles: z.record(z.string(), z.unknown()).optional(),
    })
    .prefault({}),
})

export type Directory = z.output<typeof directorySchema>

const problemSchema = z.object({
  type: z.string().optional(),
  detail: z.string().optional(),
  subproblems: z.array(z.object({ detail: z.string().optional() })).optional(),
})

const NONCE_TRIES = 10 // a server may refuse any nonce for no fault of ours: RFC 8555, 6.5

/** An account at an ACME server, RFC 8555: signs, keeps nonces, and turns refusals into errors. */
export class AcmeClient {
  readonly #options: AcmeClientOptions
  #directory: Directory | undefined
  #accountUrl: string | undefined
  #nonce: string | undefined

  constructor(options: AcmeClientOptions) {
    this.#options = options
  }

  /** Ends a challenge's token: what shows that it was this account that asked. */
  get thumbprint(): string {
    return thumbprint(publicJwk(this.#options.key))
  }

  get signal(): AbortSignal {
    return this.#options.signal
  }

  async directory(): Promise<Directory> {
    this.#directory ??= parseAnswer(directorySchema, await this.get(this.#options.directoryUrl), 'the directory')
    return this.#directory
  }

  /** Makes the account, or finds the one that the key has. The terms of service are agreed to, as Distribution does. */
  async register({ email, binding }: Registration): Promise<void> {
    const { newAccount, meta } = await this.directory()
    if (meta.externalAccountRequired && !binding) throw toAcmeError('the ACME server takes no new accounts of unknown people', BINDING_REQUIRED)
    const contact = email ? [`mailto:${email}`] : []
    const externalAccountBinding = binding && signBinding(this.#options.key, newAccount, binding)
    const answer = await this.post(newAccount, { termsOfServiceAgreed: true, contact, externalAccountBinding })
    this.#accountUrl = locationOf(answer, 'the account')
  }

  async get(url: string): Promise<AcmeAnswer> {
    return this.#accept(await this.#send(url, { method: 'GET', headers: {} }), url)
  }

  /** A signed request; without a payload a POST-as-GET. @throws AcmeError for every answer of 400 and above. */
  async post(url: string, payload?: unknown): Promise<AcmeAnswer> {
    for (let tries = 1; ; tries++) {
      const answer = await this.#postOnce(url, payload)
      if (tries === NONCE_TRIES || answer.status !== 400 || toAcmeError('', parseProblem(answer)).type !== 'badNonce') return this.#accept(answer, url)
    }
  }

  async #postOnce(url: string, payload: unknown): Promise<AcmeAnswer> {
    const nonce = await this.#takeNonce()
    const body = signJws(this.#options.key, { nonce, url, ...(this.#accountUrl !== undefined && { kid: this.#accountUrl }) }, payload)
    return this.#send(url, { method: 'POST', headers: { 'Content-Type': 'application/jose+json', Accept: '*/*' }, body })
  }

  async #takeNonce(): Promise<string> {
    if (this.#nonce === undefined) await this.#send((await this.directory()).newNonce, { method: 'HEAD', headers: {} })
    const nonce = this.#nonce
    this.#nonce = undefined
    if (nonce === undefined) throw answerError('gives no nonce')
    return nonce
  }

  async #send(url: string, request: Parameters<Transport>[1]): Promise<AcmeAnswer> {
    if (!URL.parse(url)?.protocol.startsWith('https:')) throw answerError(`names ${JSON.stringify(quote(url))} in place of an https URL`)
    const answer = await this.#options.transport(url, request, this.#options.signal)
    const nonce = answer.headers['replay-nonce']
    if (typeof nonce === 'string') this.#nonce = nonce
    return answer
  }

  #accept(answer: AcmeAnswer, url: string): AcmeAnswer {
    if (answer.status < 300 && answer.status >= 200) return answer
    const { host, pathname } = new URL(url)
    throw toAcmeError(`the ACME server ${host} answers ${answer.status} to ${pathname}`, parseProblem(answer), retryAfterMs(answer, this.#options.now()))
  }
}

const BINDING_REQUIRED = { type: 'urn:ietf:params:acme:error:externalAccountRequired', detail: 'an external account binding is required' }

/** An answer's JSON. @throws AcmeError `answer` if it is of another shape; `what` names it. */
export function parseAnswer<T>(schema: z.ZodType<T>, answer: AcmeAnswer, what: string): T {
  const { data, success } = schema.safeParse(parseJson(answer.text))
  if (!success) throw answerError(`sends something else in place of ${what}`)
  return data
}

export function locationOf(answer: AcmeAnswer, what: string): string {
  const { location } = answer.headers
  if (typeof location !== 'string') throw answerError(`does not say where ${what} is`)
  return location
}

/** `Retry-After`, which is a number of seconds or a date. */
export function retryAfterMs({ headers }: Pick<AcmeAnswer, 'headers'>, now: number): number | undefined {
  const value = headers['retry-after']
  if (typeof value !== 'string') return undefined
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

export function answerError(what: string): AcmeError {
  return new AcmeError(`the ACME server ${what}`, { type: 'answer', hint: 'is http.tls.letsencrypt.directoryurl the directory of an ACME server (RFC 8555)?' })
}

function parseProblem(answer: AcmeAnswer): AcmeProblem {
  return problemSchema.safeParse(parseJson(answer.text)).data ?? { detail: quote(answer.text).slice(0, 200) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
