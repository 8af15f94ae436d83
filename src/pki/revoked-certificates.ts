import type { KeyObject } from 'node:crypto'
import { CertificateError } from './certificate-error.ts'
import { readExtensionList } from './certificate-parts.ts'
import { type DerValue, readChildren, readDer } from './der.ts'
import { plainSerial, type RevocationReason, revocationReasons } from './ledger.ts'
import { decodePem, parsePem } from './pem.ts'
import type { Revocation } from './revocation-list.ts'
import { readSignedValue } from './signed-value.ts'

/** The certificates that a CA has taken back: a revocation list (RFC 5280, section 5), read. */
export interface RevokedCertificates {
  readonly thisUpdate: Date
  /** When a newer list is promised. */
  readonly nextUpdate: Date | undefined
  /** Serial numbers as `X509Certificate.serialNumber` writes them. */
  readonly serials: ReadonlySet<string>
  /** What only the makers of lists want to know. @throws RangeError for what is no DER. */
  readDetails(): ListDetails
  /** Whether the CA with this key made the list. */
  isSignedBy(key: KeyObject): boolean
}

export interface ListDetails {
  /** `undefined` where there is none, or one beyond all that counts. */
  readonly number: number | undefined
  readonly revoked: readonly Revocation[]
}

const [INTEGER, UTC_TIME, GENERALIZED_TIME, SEQUENCE] = [0x02, 0x17, 0x18, 0x30]
const EXTENSIONS = 0xa0
const TIMES = [UTC_TIME, GENERALIZED_TIME]

/**
 * Reads the lists of a file: PEM, one after another, or one as DER. Quick also for tens of thousands of entries.
 *
 * @param path names the file in errors.
 * @throws CertificateError if there is no list, or one that cannot be parsed.
 */
export function parseRevokedCertificates(bytes: Buffer, path: string): RevokedCertificates[] {
  try {
    const lists = bytes[0] === SEQUENCE ? [bytes] : parsePem(bytes.toString('latin1')).filter(isRevocationList).map(decodePem)
    if (bytes[0] !== SEQUENCE && lists.length < countBeginnings(bytes)) throw new RangeError('a list is cut off')
    if (lists.length > 0) return lists.map(parseList)
  } catch (cause) {
    throw new CertificateError(`${path} holds a revocation list that cannot be parsed`, {
      hint: `look at it with: openssl crl -noout -text -in ${path}`,
      cause,
    })
  }
  throw new CertificateError(`${path} holds no revocation list, neither as PEM nor as DER`, { hint: 'give a file that begins with -----BEGIN X509 CRL-----' })
}

/** @NOTE Of a file that is cut, the lists before the cut must not pass for all. */
function countBeginnings(bytes: Buffer): number {
  return bytes.toString('latin1').split('-----BEGIN X509 CRL-----').length - 1
}

function isRevocationList({ label }: { readonly label: string }): boolean {
  return label === 'X509 CRL'
}

/** CertificateList, RFC 5280 5.1. */
function parseList(der: Buffer): RevokedCertificates {
  const { content, isSignedBy } = readSignedValue(der)
  const parts = readChildren(content)
  const [, , thisUpdate, ...rest] = parts[0]?.tag === INTEGER ? parts.slice(1) : parts // without the version
  if (!thisUpdate) throw new RangeError('a revocation list has a date')
  const revoked = rest.find(({ tag }) => tag === SEQUENCE)
  return {
    thisUpdate: parseTime(thisUpdate),
    nextUpdate: rest[0] && TIMES.includes(rest[0].tag) ? parseTime(rest[0]) : undefined,
    serials: new Set(revoked && readChildren(revoked).map(({ content }) => formatSerial(readDer(content)))),
    readDetails: () => ({ number: readNumber(rest), revoked: revoked ? readChildren(revoked).map(readRevocation) : [] }),
    isSignedBy,
  }
}

/** CRLNumber, RFC 5280 5.2.3. */
function readNumber(parts: readonly DerValue[]): number | undefined {
  const wrapped = parts.find(({ tag }) => tag === EXTENSIONS)
  const extensions = wrapped ? readExtensionList(readDer(wrapped.content)) : []
  const value = extensions.find(({ oid }) => oid === '2.5.29.20')?.value
  const number = value && Number(`0x${readDer(value).content.toString('hex')}`)
  return Number.isSafeInteger(number) ? number : undefined
}

function readRevocation(entry: DerValue): Revocation {
  const [serial, at, extensions] = readChildren(entry)
  if (!serial || !at) throw new RangeError('a revocation has a serial and a date')
  const value = extensions && readExtensionList(extensions).find(({ oid }) => oid === '2.5.29.21')?.value
  const code = value && readDer(value).content[0]
  const reason = (Object.keys(revocationReasons) as RevocationReason[]).find((word) => revocationReasons[word] === code)
  return { serial: plainSerial(formatSerial(serial)), at: parseTime(at), reason: reason ?? 'unspecified' }
}

function formatSerial({ content }: DerValue): string {
  return content
    .toString('hex')
    .toUpperCase()
    .replace(/^(?:00)+(?=.)/, '')
}

/** UTCTime has two digits for a year from 1950 to 2049 (RFC 5280 5.1.2.4). */
function parseTime({ tag, content }: DerValue): Date {
  const text = content.toString('latin1')
  const whole = tag === UTC_TIME ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(whole) ?? []
  if (year === undefined) throw new RangeError('a date that is none')
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}
