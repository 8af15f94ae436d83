import { join } from 'node:path'
import { openCertificateLedger } from '../../src/metadata/certificate-ledger.ts'
import type { Ledger } from '../../src/pki/ledger.ts'

/** The ledger in the folder of an authority, closed at the end of the block. */
export function openLedger(directory: string): Ledger & Disposable {
  const ledger = openCertificateLedger(join(directory, 'ledger.db'))
  return Object.assign(ledger, { [Symbol.dispose]: () => ledger.close() })
}
