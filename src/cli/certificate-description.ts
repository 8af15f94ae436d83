import type { X509Certificate } from 'node:crypto'
import { certificateNames, readSubject } from '../pki/certificate-parts.ts'
import { formatSubject } from '../pki/distinguished-name.ts'
import { describeKey } from '../pki/key-kind.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** What people want to know of a certificate; the keys are those of the JSON. */
export interface CertificateDescription {
  readonly subject: string
  readonly names: readonly string[]
  readonly issuer: string
  readonly key: string
  readonly notBefore: string
  readonly notAfter: string
  readonly daysLeft: number
  readonly serial: string
  readonly sha256: string
}

export function describeCertificate(certificate: X509Certificate, now = Date.now()): CertificateDescription {
  return {
    subject: formatSubject(readSubject(certificate)),
    names: certificateNames(certificate),
    issuer: certificate.issuer.replaceAll('\n', ', '),
    key: describeKey(certificate.publicKey),
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    daysLeft: Math.floor((certificate.validToDate.getTime() - now) / DAY_MS),
    serial: certificate.serialNumber.toLowerCase(),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  }
}

/** Lines of at most 80 columns, as long as no word is longer. */
export function formatDescription({ subject, names, issuer, key, notBefore, notAfter, daysLeft, serial, sha256 }: CertificateDescription): string[] {
  const life = daysLeft < 0 ? `over for ${-daysLeft} days` : `${daysLeft} days left`
  return [
    ...formatField('subject', subject),
    ...formatField('names', names.length > 0 ? formatNames(names) : 'none: no client made with Go, and no browser, will accept it for any host'),
    ...formatField('issuer', issuer),
    ...formatField('key', key),
    ...formatField('valid', `${notBefore.slice(0, 10)} to ${notAfter.slice(0, 10)}: ${life}`),
    ...formatField('serial', serial),
    ...formatField('sha256', sha256),
  ]
}

/** Names as people know them; URIs keep their kind, but for that of an account. */
export function formatNames(names: readonly string[]): string {
  return names.map((name) => name.replace(/^(?:dns|ip):/, '').replace(/^uri:lacre:account\//, 'account ')).join(', ')
}

const FIELD_WIDTH = 9
const LINE_WIDTH = 80

/** A name and its value, which goes on below itself. */
export function formatField(name: string, value: string, width = FIELD_WIDTH): string[] {
  const [first = '', ...rest] = wrap(value, LINE_WIDTH - width)
  return [name.padEnd(width) + first, ...rest.map((line) => ' '.repeat(width) + line)]
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}
