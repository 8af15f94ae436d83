import type { ConfigOverrides } from '../config/load.ts'

/** Where the certificate of `lacre up` comes from. */
export interface CertificateSource {
  /** The name by which clients are told to come. */
  readonly host: string
  readonly config: Pick<ConfigOverrides, 'lacre' | 'log'> & { readonly tls: NonNullable<ConfigOverrides['http']>['tls'] }
  /** For `--json`. */
  readonly facts: object
  /** Lines of what is told at the start: a word, spaces up to column 13, and what it is. */
  readonly lines: readonly string[]
  /** What to do on a client before it logs in. */
  explainTrust(address: string): string
  /** What is told besides, the first time alone. */
  readonly afterword: string
}
