import type { X509Certificate } from 'node:crypto'
import { type Ledger, plainSerial } from './ledger.ts'
import type { RevokedCertificates } from './revoked-certificates.ts'

/** What a ledger says of those authorities, as a revocation list that is never over. */
export function revokedInLedger(ledger: Ledger, authorities: readonly X509Certificate[]): Omit<RevokedCertificates, 'readDetails'> {
  const revoked = ledger.list().filter(({ revokedAt }) => revokedAt !== undefined)
  return {
    thisUpdate: new Date(Math.max(0, ...revoked.map(({ revokedAt }) => revokedAt?.getTime() ?? 0))),
    nextUpdate: undefined,
    serials: new Set(revoked.map(({ serial }) => formatSerial(serial))),
    isSignedBy: (key) => authorities.some(({ publicKey }) => publicKey.equals(key)),
  }
}

/** As `X509Certificate.serialNumber` writes it: whole bytes, in capitals. */
function formatSerial(serial: string): string {
  const digits = plainSerial(serial).toUpperCase()
  return digits.length % 2 === 0 ? digits : `0${digits}`
}
