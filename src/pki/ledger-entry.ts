import type { X509Certificate } from 'node:crypto'
import { certificateNames, readSubject } from './certificate-parts.ts'
import { formatSubject } from './distinguished-name.ts'
import { type CertificateProfile, type LedgerEntry, plainSerial } from './ledger.ts'

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
