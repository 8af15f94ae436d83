import { type KeyObject, sign, type X509Certificate } from 'node:crypto'
import { CertificateError } from './certificate-error.ts'
import { findKeyIdentifier, subjectBytes } from './certificate-parts.ts'
import { bitString, type DerValue, encode, enumerated, explicit, extension, integer, readChildren, readDer, sequence, time } from './der.ts'
import { signingAlgorithm } from './key-kind.ts'
import { plainSerial, type RevocationReason, revocationReasons } from './ledger.ts'
import { parsePem } from './pem.ts'
import { encodeAlgorithm, keyIdentifier } from './sign-certificate.ts'

/** A certificate that is not to be believed any more. */
export interface Revocation {
  /** Hexadecimal. */
  readonly serial: string
  readonly at: Date
  readonly reason?: RevocationReason | undefined
}

export interface RevocationListContent {
  /** Greater than that of every list before. */
  readonly number: number
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  readonly revoked: readonly Revocation[]
}

const VERSION_2 = '01'

/** A revocation list, DER: RFC 5280, 5. Passes `openssl crl -verify`. 10,000 entries take some milliseconds. */
export function signRevocationList(issuer: { readonly key: KeyObject; readonly certificate: X509Certificate }, content: RevocationListContent): Buffer {
  const algorithm = encodeAlgorithm(issuer.key)
  const list = sequence(
    integer(VERSION_2),
    algorithm,
    subjectBytes(issuer.certificate),
    time(content.thisUpdate),
    time(content.nextUpdate),
    ...(content.revoked.length > 0 ? [sequence(...content.revoked.map(encodeRevocation))] : []),
    explicit(0, sequence(...listExtensions(issuer.certificate, content.number))),
  )
  return sequence(list, algorithm, bitString(sign(signingAlgorithm(issuer.key).digest, list, issuer.key)))
}

/** As OpenSSL reads it. */
export function formatRevocationList(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN X509 CRL-----', ...lines, '-----END X509 CRL-----', ''].join('\n')
}

/**
 * The serials of the certificates that a list revokes, each as `plainSerial` writes it.
 *
 * @throws CertificateError if it is no list; `what` is its path.
 * @public
 */
export function readRevokedSerials(content: Buffer, what: string): Set<string> {
  const lists = listBytes(content)
  try {
    return new Set(lists.flatMap((der) => readRevocations(der).map(readSerial)))
  } catch (cause) {
    throw new CertificateError(`${what} is no revocation list that can be parsed`, {
      hint: `give a file that begins with -----BEGIN X509 CRL-----, or DER; look at it with: openssl crl -noout -text -in ${what}`,
      cause,
    })
  }
}

/** One file may hold the lists of several authorities. */
function listBytes(content: Buffer): Buffer[] {
  const blocks = parsePem(content.toString('latin1')).filter(({ label }) => label === 'X509 CRL' || label === 'CRL')
  return blocks.length > 0 ? blocks.map(({ text }) => Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64')) : [content]
}

/** The entries: the first SEQUENCE after the date of the list, and after that of the next where there is one. */
function readRevocations(der: Buffer): DerValue[] {
  const [list] = readChildren(readDer(der)) as [DerValue]
  const fields = readChildren(list)
  const lastTime = fields.findLastIndex(({ tag }) => tag === UTC_TIME || tag === GENERALIZED_TIME)
  if (lastTime < 0) throw new RangeError('a list has a date')
  const entries = fields[lastTime + 1]
  return entries?.tag === SEQUENCE ? readChildren(entries) : []
}

const SEQUENCE = 0x30
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18

function readSerial(entry: DerValue): string {
  return plainSerial(readDer(entry.content).content.toString('hex'))
}

function encodeRevocation({ serial, at, reason }: Revocation): Buffer {
  const code = reason === undefined ? 0 : revocationReasons[reason]
  const reasons = code === 0 ? [] : [sequence(extension('2.5.29.21', false, enumerated(code)))] // unspecified is left out: RFC 5280, 5.3.1
  return sequence(integer(serial), time(at), ...reasons)
}

function listExtensions(authority: X509Certificate, number: number): Buffer[] {
  const key = findKeyIdentifier(authority) ?? keyIdentifier(authority.publicKey)
  return [extension('2.5.29.35', false, sequence(encode(0x80, key))), extension('2.5.29.20', false, integer(evenHex(number)))]
}

function evenHex(number: number): string {
  const hex = number.toString(16)
  return hex.length % 2 === 0 ? hex : `0${hex}`
}
