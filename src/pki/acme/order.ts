import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { certificateNames } from '../certificate-parts.ts'
import { makeRequest } from '../certificate-request.ts'
import { makeKey } from '../key-kind.ts'
import { type CertificateName, formatCertificateName } from '../names.ts'
import { decodePem, isCertificate, parsePem } from '../pem.ts'
import type { Sleep } from '../repeat.ts'
import { type AcmeClient, answerError, locationOf, parseAnswer, retryAfterMs } from './acme-client.ts'
import { AcmeError, toAcmeError } from './acme-error.ts'
import type { ChallengeAnswers, ChallengeType } from './challenge-answers.ts'

export interface OrderRequest {
  readonly names: readonly CertificateName[]
  readonly challenge: ChallengeType
  /** The certificate that this one takes the place of, as the server knows it: RFC 9773, 5. */
  readonly replaces?: string | undefined
}

export interface IssuedCertificate {
  /** PEM, the server's own first. */
  readonly chain: string
  readonly key: KeyObject
  readonly leaf: X509Certificate
}

/** What an order needs of the world around. */
export interface OrderOptions {
  readonly client: AcmeClient
  readonly answers: ChallengeAnswers
  readonly now: () => number
  /** Rejects when the signal ends it. */
  readonly sleep: Sleep
}

const problem = z.object({ type: z.string().optional(), detail: z.string().optional() }).optional()
const orderSchema = z.object({
  status: z.string(),
  authorizations: z.array(z.string()),
  finalize: z.string(),
  certificate: z.string().optional(),
  error: problem,
})
const authorizationSchema = z.object({
  status: z.string(),
  identifier: z.object({ type: z.string(), value: z.string() }),
  challenges: z.array(z.object({ type: z.string(), url: z.string(), token: z.string().optional(), error: problem })),
})

type Authorization = z.output<typeof authorizationSchema>

/**
 * Orders a certificate: shows that the names lead here, one after another, then has a new P-256 key certified.
 *
 * @throws AcmeError that says which name, and what the server saw.
 */
export async function orderCertificate(options: OrderOptions, request: OrderRequest): Promise<IssuedCertificate> {
  const { client } = options
  const answer = await placeOrder(client, request)
  const [url, order] = [locationOf(answer, 'the order'), parseAnswer(orderSchema, answer, 'an order')]
  for (const authorization of order.authorizations) await authorize(options, authorization, request.challenge)
  const readOrder = async () => withWait(await client.post(url), orderSchema, options)
  await poll(options, readOrder, ({ status }) => status !== 'pending') // @NOTE a moment may pass until the order knows of its authorizations
  const key = await makeKey('ec:p256')
  await client.post(order.finalize, { csr: encodeRequest(key, request.names) })
  const done = await poll(options, readOrder, ({ status }) => status === 'valid' || status === 'invalid')
  if (done.error || !done.certificate) throw toAcmeError('the ACME server does not issue the certificate', done.error ?? {})
  const { text } = await client.post(done.certificate)
  return checkIssued(text, key, request.names)
}

async function placeOrder(client: AcmeClient, { names, replaces }: OrderRequest) {
  const { newOrder, meta } = await client.directory()
  const identifiers = names.map(({ kind, value }) => ({ type: kind, value }))
  const needsShort = names.some(({ kind }) => kind === 'ip') && meta.profiles !== undefined && Object.hasOwn(meta.profiles, SHORT_LIVED)
  const order = { identifiers, ...(needsShort && { profile: SHORT_LIVED }) }
  try {
    return await client.post(newOrder, { ...order, ...(replaces !== undefined && { replaces }) })
  } catch (error) {
    // the server holds another certificate to be the successor already, or does not know this one: RFC 9773, 5
    if (replaces === undefined || !(error instanceof AcmeError) || !['alreadyReplaced', 'malformed'].includes(error.type)) throw error
    return client.post(newOrder, order)
  }
}

const SHORT_LIVED = 'shortlived' // the only profile in which Let's Encrypt certifies addresses

async function authorize(options: OrderOptions, url: string, type: ChallengeType): Promise<void> {
  const { client, answers } = options
  const readAuthorization = async () => withWait(await client.post(url), authorizationSchema, options)
  const { value: authorization } = await readAuthorization()
  if (authorization.status === 'valid') return // proven a short time ago
  const name = nameOf(authorization)
  const challenge = authorization.challenges.find((offered) => offered.type === type)
  if (!challenge?.token || !TOKEN.test(challenge.token)) throw notOffered(authorization, type)
  const close = await answers.open({ type, name, token: challenge.token, keyAuthorization: `${challenge.token}.${client.thumbprint}` })
  try {
    await client.post(challenge.url, {})
    const judged = await poll(options, readAuthorization, ({ status }) => status !== 'pending' && status !== 'processing')
    if (judged.status !== 'valid') throw refusal(judged, type)
  } finally {
    close()
  }
}

const TOKEN = /^[A-Za-z0-9_-]{1,256}$/ // RFC 8555, 8.3

function nameOf({ identifier: { type, value } }: Authorization): CertificateName {
  return { kind: type === 'ip' ? 'ip' : 'dns', value }
}

function notOffered({ identifier, challenges }: Authorization, type: ChallengeType): AcmeError {
  const offered = challenges.map((challenge) => challenge.type).join(', ') || 'none'
  const hint = 'set lacre.acme.challenge (lacre up: --acme-challenge) to one that it offers: http-01 or tls-alpn-01'
  return new AcmeError(`the ACME server does not offer ${type} for ${identifier.value}, but ${offered}`, { type: 'unsupportedChallenge', hint })
}

function refusal({ identifier, challenges, status }: Authorization, type: ChallengeType): AcmeError {
  const seen = challenges.find((challenge) => challenge.error)?.error
  return toAcmeError(`the ACME server could not see by ${type} that ${identifier.value} leads here`, seen ?? { detail: `the authorization is ${status}` })
}

const FIRST_POLL_MS = 250 // then twice as long each time, where the server does not say
const OWN_POLL_MOST_MS = 4_000
const POLL_MOST_MS = 60_000
const POLL_FOR_MS = 10 * 60_000

interface Read<T> {
  readonly value: T
  /** When the server wants to be asked again. */
  readonly waitMs: number | undefined
}

function withWait<T>(answer: Awaited<ReturnType<AcmeClient['post']>>, schema: z.ZodType<T>, { now }: OrderOptions): Read<T> {
  return { value: parseAnswer(schema, answer, 'an order or authorization'), waitMs: retryAfterMs(answer, now()) }
}

async function poll<T>({ now, sleep, client }: OrderOptions, read: () => Promise<Read<T>>, isDone: (value: T) => boolean): Promise<T> {
  const deadline = now() + POLL_FOR_MS
  for (let ownMs = FIRST_POLL_MS; ; ownMs = Math.min(ownMs * 2, OWN_POLL_MOST_MS)) {
    const { value, waitMs = ownMs } = await read()
    if (isDone(value)) return value
    if (now() > deadline) throw answerError(`has not made up its mind for ${POLL_FOR_MS / 60_000} minutes`)
    await sleep(Math.min(Math.max(waitMs, FIRST_POLL_MS), POLL_MOST_MS), client.signal)
  }
}

/** DER in base64url: RFC 8555, 7.4. */
function encodeRequest(key: KeyObject, names: readonly CertificateName[]): string {
  const [block] = parsePem(makeRequest(key, { subject: [], names }))
  return block ? decodePem(block).toString('base64url') : ''
}

function checkIssued(text: string, key: KeyObject, names: readonly CertificateName[]): IssuedCertificate {
  const blocks = parsePem(text).filter(isCertificate)
  const leaf = blocks[0] && parseLeaf(blocks[0].text)
  if (!leaf?.publicKey.equals(createPublicKey(key))) throw answerError('sends a certificate for another key')
  const certified = new Set(certificateNames(leaf))
  const missing = names.filter((name) => !certified.has(formatCertificateName(name)))
  if (missing.length > 0) throw answerError(`sends a certificate without ${missing.map(({ value }) => value).join(', ')}`)
  return { chain: blocks.map((block) => block.text).join(''), key, leaf }
}

function parseLeaf(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw answerError('sends a certificate that cannot be parsed')
  }
}
