import type { X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { findExtension } from '../certificate-parts.ts'
import { readChildren, readDer } from '../der.ts'
import { type AcmeClient, answerError, parseAnswer, retryAfterMs } from './acme-client.ts'

/** When a server wants a certificate to be renewed, in milliseconds since 1970: RFC 9773. */
export interface RenewalInfo {
  readonly start: number
  readonly end: number
  /** How long this stands. */
  readonly askAgainMs: number
}

const HOUR_MS = 60 * 60 * 1000
const ASK_AGAIN_MS = 6 * HOUR_MS // RFC 9773, 4.3.3, where the server does not say
const ASK_LEAST_MS = 60 * 1000
const ASK_MOST_MS = 24 * HOUR_MS

const date = z.string().transform(Date.parse).pipe(z.number())
const renewalSchema = z.object({ suggestedWindow: z.object({ start: date, end: date }) })

/** Asks the server of a certificate; `undefined` where it offers no such information, or does not know the certificate's authority. */
export async function findRenewalInfo(client: AcmeClient, certificate: X509Certificate, now: number): Promise<RenewalInfo | undefined> {
  const { renewalInfo } = await client.directory()
  const id = findRenewalId(certificate)
  if (renewalInfo === undefined || id === undefined) return undefined
  const answer = await client.get(`${renewalInfo.replace(/\/$/, '')}/${id}`)
  const { start, end } = parseAnswer(renewalSchema, answer, 'renewal information').suggestedWindow
  if (end <= start) throw answerError('suggests to renew in a window that ends before it begins')
  const askAgainMs = Math.min(Math.max(retryAfterMs(answer, now) ?? ASK_AGAIN_MS, ASK_LEAST_MS), ASK_MOST_MS)
  return { start, end, askAgainMs }
}

const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35'
const KEY_IDENTIFIER = 0x80 // RFC 5280, 4.2.1.1: [0]

/** How servers name a certificate: its authority's key and its serial number. RFC 9773, 4.1. */
export function findRenewalId(certificate: X509Certificate): string | undefined {
  const authority = findExtension(certificate, AUTHORITY_KEY_IDENTIFIER)
  const key = authority && readChildren(readDer(authority)).find(({ tag }) => tag === KEY_IDENTIFIER)
  if (!key) return undefined
  const digits = certificate.serialNumber.padStart(certificate.serialNumber.length + (certificate.serialNumber.length % 2), '0')
  const serial = Buffer.from(/^[89a-f]/i.test(digits) ? `00${digits}` : digits, 'hex') // as DER has it
  return `${key.content.toString('base64url')}.${serial.toString('base64url')}`
}
