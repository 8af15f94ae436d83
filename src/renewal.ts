import { existsSync } from 'node:fs'
import type { Logger } from 'pino'
import { findPassphrase } from './config/load.ts'
import type { Config } from './config/schema.ts'
import { openCertificateLedger } from './metadata/certificate-ledger.ts'
import type { Metrics } from './observability/metrics.ts'
import { authorityPaths, findAuthorityCertificate } from './pki/authority-files.ts'
import { OwnRenewal, type OwnRenewalReport } from './pki/own-renewal.ts'
import { revokedInLedger } from './pki/revoked-in-ledger.ts'

interface Edge {
  readonly log: Logger
  readonly metrics: Metrics
}

export interface RenewalPlace {
  /** The folder of the CA. */
  readonly directory: string
  /** Whether the certificate beside the CA is the one that is served. */
  readonly isServed: boolean
  /** Called when there is a new certificate. */
  readonly reload: () => Promise<void>
}

/**
 * Who renews the certificates of lacre's own CA.
 *
 * @throws Error with a `hint` if the file of the CA key's passphrase cannot be read.
 */
export async function openRenewal(
  { online, passphrasefile }: Config['lacre']['pki'],
  edge: Edge,
  { directory, isServed, reload }: RenewalPlace,
): Promise<OwnRenewal> {
  const passphrase = online ? await findPassphrase(passphrasefile) : undefined
  const openLedger = () => openCertificateLedger(authorityPaths(directory).ledger)
  const askPassphrase = async (_path: string, attempt: number) => (attempt === 1 ? passphrase : undefined)
  const options = { directory, openLedger, isOnline: online, isServed, ...(passphrase !== undefined && { askPassphrase }) }
  return new OwnRenewal(options, report(edge, reload))
}

/** Whom the CA of a folder has revoked, by its ledger; `undefined` where there is none. @throws CertificateError if it cannot be read. */
export async function findRevoked(directory: string): Promise<ReturnType<typeof revokedInLedger> | undefined> {
  const paths = authorityPaths(directory)
  if (!existsSync(paths.ledger)) return undefined
  const pairs = [paths, paths.next, paths.previous]
  const authorities = (await Promise.all(pairs.map(findAuthorityCertificate))).filter((certificate) => certificate !== undefined)
  const ledger = openCertificateLedger(paths.ledger)
  try {
    return revokedInLedger(ledger, authorities)
  } finally {
    ledger.close()
  }
}

function report({ log, metrics }: Edge, reload: () => Promise<void>): OwnRenewalReport {
  return {
    async renewed(what, notAfter) {
      metrics.renewals.inc({ what: LABELS[what], outcome: 'renewed' })
      metrics.renewalFailure.set({ what: LABELS[what] }, 0)
      log.info({ notAfter: notAfter.toISOString() }, `the ${what} is renewed`)
      await reload()
    },
    failed(what, error: Error & { hint?: string }, retryAt) {
      metrics.renewals.inc({ what: LABELS[what], outcome: 'failed' })
      metrics.renewalFailure.set({ what: LABELS[what] }, Date.now() / 1000)
      const facts = { remedy: error.hint, retryAt: retryAt.toISOString(), ...(error.hint === undefined && { err: error }) }
      log.error(facts, `the ${what} could not be renewed: ${error.message}`)
    },
    noticed: ({ sentence, remedy }) => log.warn({ remedy }, sentence),
    seen({ authority, list }) {
      metrics.authorityExpiry.set(authority.validToDate.getTime() / 1000)
      metrics.listExpiry.set((list?.nextUpdate?.getTime() ?? 0) / 1000)
    },
  }
}

const LABELS = { certificate: 'certificate', 'revocation list': 'crl' } as const
