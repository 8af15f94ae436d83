import type { X509Certificate } from 'node:crypto'
import { authorityPaths } from '../pki/authority-files.ts'
import { readSubject } from '../pki/certificate-parts.ts'
import { formatSubject } from '../pki/distinguished-name.ts'
import { describeKey } from '../pki/key-kind.ts'
import { formatConstraints, readNameConstraints } from '../pki/name-constraints.ts'
import { formatField } from './certificate-description.ts'

/** What people want to know of a CA; the names are those of the JSON. */
export interface AuthorityDescription {
  readonly subject: string
  readonly sha256: string
  readonly serial: string
  readonly key: string
  readonly notBefore: string
  readonly notAfter: string
  readonly permits: string
  readonly certificate: string
  readonly bundle: string
}

export function describeAuthority(certificate: X509Certificate, directory: string): AuthorityDescription {
  const paths = authorityPaths(directory)
  const constraints = readNameConstraints(certificate)
  return {
    subject: formatSubject(readSubject(certificate)),
    sha256: plainFingerprint(certificate),
    serial: certificate.serialNumber.toLowerCase(),
    key: describeKey(certificate.publicKey),
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    permits: constraints ? formatConstraints(constraints) : 'every name',
    certificate: paths.certificate,
    bundle: paths.bundle,
  }
}

/** SHA-256 as `sha256sum` of the DER prints it. */
export function plainFingerprint({ fingerprint256 }: X509Certificate): string {
  return fingerprint256.replaceAll(':', '').toLowerCase()
}

const FIELD_WIDTH = 12

/** A line for each thing to know. */
export function formatAuthority(authority: AuthorityDescription): string[] {
  return Object.entries(authority).flatMap(([name, value]: [string, string]) => formatField(name, value, FIELD_WIDTH))
}
