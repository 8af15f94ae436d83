/** What a certificate is for: to sign others, to serve, or to name a client. */
export type CertificateProfile = 'authority' | 'server' | 'client'

/** RFC 5280, 5.3.1, with its numbers; those that make sense for a small authority. */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const

export type RevocationReason = keyof typeof revocationReasons

/** A certificate that an authority has issued. */
export interface LedgerEntry {
  /** Hexadecimal, lower case, as long as it was made: 32 digits for ours. */
  readonly serial: string
  readonly profile: CertificateProfile
  /** Each as `dns:…`, `ip:…` or `uri:…`. */
  readonly names: readonly string[]
  /** As a person writes it: `O=SINGLETON, CN=registry.intranet`. */
  readonly subject: string
  readonly notBefore: Date
  readonly notAfter: Date
  /** SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` writes it. */
  readonly fingerprint256: string
  readonly pem: string
  readonly revokedAt?: Date
  readonly reason?: RevocationReason
}

/** Writes into the ledger; lent to who holds its lock. */
export interface LedgerPen {
  /** Nothing happens when it is in the ledger already. @throws CertificateError if another one has its serial. */
  add(entry: LedgerEntry): void
  revoke(serial: string, at: Date, reason: RevocationReason): void
  /** The next number for a revocation list, greater than all before, and than what {@link raiseListNumber} was told. */
  nextListNumber(): number
  /** Tells of a revocation list that the ledger may not know, for example of another program. */
  raiseListNumber(known: number): void
}

/** Every certificate that an authority has issued. Implemented in src/metadata/certificate-ledger.ts. */
export interface Ledger {
  /** In the order of issue. */
  list(): LedgerEntry[]
  /** By serial, in any spelling: upper case, colons, leading zeros. */
  find(serial: string): LedgerEntry | undefined
  /** All with this name, typed or not (`dns:registry.intranet` or `registry.intranet`), or this account. */
  findByName(name: string): LedgerEntry[]
  /**
   * Runs `work` while nobody else, of this process or another, writes the ledger or the authority's files. What the pen wrote
   * is durable on return, and gone when `work` throws.
   *
   * @throws Error with a `hint` when the ledger stays locked, or cannot be written.
   */
  exclusively<T>(work: (pen: LedgerPen) => Promise<T>): Promise<T>
  close(): void
}

/** One spelling for a serial: `00:AB:1F`, `AB1F` and `ab1f` are `ab1f`. */
export function plainSerial(serial: string): string {
  return serial
    .toLowerCase()
    .replaceAll(':', '')
    .replace(/^0+(?=.)/, '')
}
