import type { X509Certificate } from 'node:crypto'
import { certificateNames, readSubject } from './certificate-parts.ts'
import { formatSubject } from './distinguished-name.ts'
import { type CertificateProfile, type LedgerEntry, plainSerial } from './ledger.ts'
import type { Revocation } from './revocation-list.ts'

/** What the ledger keeps of a certificate that only a revocation list tells of: it may last as long as its CA. */
export function lostEntry({ serial, at, reason = 'unspecified' }: Revocation, authority: X509Certificate): LedgerEntry {
  const unknown = { names: [], subject: `serial ${serial}`, fingerprint256: '', pem: '' }
  return { serial, profile: 'server', ...unknown, notBefore: at, notAfter: authority.validToDate, revokedAt: at, reason }
}

/** What the ledger keeps of a certificate. */
export function ledgerEntry(certificate: X509Certificate, profile: CertificateProfile): LedgerEntry {
  return {
    serial: plainSerial(certificate.serialNumber),
    profile,
    names: certificateNames(certificate),
    subject: formatSubject(readSubject(certificate)),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    fingerprint256: certificate.fingerprint256,
    pem: certificate.toString(),
  }
}
