import { join } from 'node:path'
import { findPassphrase } from '../config/load.ts'
import { openCertificateLedger } from '../metadata/certificate-ledger.ts'
import { authorityPaths } from '../pki/authority-files.ts'
import { adoptFormerFolder } from '../pki/former-folder.ts'
import { hostNames } from '../pki/names.ts'
import { ensureServerCertificate, type SelfMadeCertificate, type SelfMadeOptions } from '../pki/self-made.ts'
import { STATE } from '../volume/layout.ts'
import type { CertificateSource } from './certificate-source.ts'

type CertificateNames = Pick<SelfMadeOptions, 'names' | 'otherNames'>

const LOOPBACK = ['localhost', '127.0.0.1', '::1']

/** A certificate of the authority below `root`; both are made where they are not there. Without hosts it is for this machine's names. */
export async function selfMadeSource(root: string, hosts: readonly string[]): Promise<CertificateSource> {
  const names = hosts.length > 0 ? { names: hosts, otherNames: LOOPBACK } : { names: [], otherNames: hostNames() }
  const certificate = await ensureCertificate(root, names)
  const { certificatePath, keyPath, caPath, fingerprints, spkiPin } = certificate
  return {
    host: names.names[0] ?? names.otherNames[0] ?? 'localhost',
    config: { tls: { certificate: certificatePath, key: keyPath } },
    facts: certificate,
    lines: [`authority  ${caPath}`, `SHA-256    ${fingerprints.ca.replaceAll(':', '').toLowerCase()}`, `server pin ${spkiPin}`],
    explainTrust: (address) => `Trust it on a client (copy the authority's file there first), log in and push:

  sudo install -D ${caPath} \\
    /etc/docker/certs.d/${address}/ca.crt`,
    afterword: aboutKey(authorityPaths(join(root, STATE, 'pki')).key),
  }
}

async function ensureCertificate(root: string, names: CertificateNames): Promise<SelfMadeCertificate> {
  const directory = join(root, STATE, 'pki')
  await adoptFormerFolder(directory)
  const ledger = openCertificateLedger(authorityPaths(directory).ledger)
  const passphrase = await findPassphrase(undefined)
  const askPassphrase = async (_path: string, attempt: number) => (attempt === 1 ? passphrase : undefined)
  try {
    return await ensureServerCertificate({ directory, ledger, askPassphrase, ...names })
  } finally {
    ledger.close()
  }
}

function aboutKey(path: string): string {
  return `
The key of the authority stays here, online, so that the server renews its
certificate by itself:

  ${path}

Who has it can pose as this registry. To take it offline, move it to a safe
place and put it back when something must be signed: 30 days before the
certificate ends, the log, /readyz and "lacre status" say so.
`
}
