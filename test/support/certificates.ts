import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CertificateProfile } from '../../src/pki/ledger.ts'
import { parseCertificateNames } from '../../src/pki/names.ts'
import { formatRevocationList, signRevocationList } from '../../src/pki/revocation-list.ts'
import { signCertificate } from '../../src/pki/sign-certificate.ts'

/** A certificate and its key, on disk and as PEM. */
export interface TestCertificate {
  readonly certificate: string
  readonly key: string
  readonly cert: string
  readonly keyText: string
}

export interface TestCertificateOptions {
  readonly profile?: CertificateProfile
  readonly commonName?: string
  readonly names?: readonly string[]
  /** Self-signed without one. */
  readonly issuer?: TestCertificate
  readonly notBefore?: Date
  readonly notAfter?: Date
}

const DAY_MS = 24 * 60 * 60 * 1000

/** A folder that is removed at the end, and makes certificates in it: `NAME.crt` and `NAME.key`, 0600. */
export class CertificateFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  static async make(): Promise<CertificateFolder> {
    return new CertificateFolder(await mkdtemp(join(tmpdir(), 'lacre-certificates-')))
  }

  async issue(name: string, options: TestCertificateOptions = {}): Promise<TestCertificate> {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const { issuer } = options
    const signer = issuer ? { key: createPrivateKey(issuer.keyText), certificate: new X509Certificate(issuer.cert) } : { key }
    const signed = signCertificate(signer, {
      profile: options.profile ?? 'server',
      subject: [{ type: 'CN', value: options.commonName ?? name }],
      publicKey: createPublicKey(key),
      names: parseCertificateNames(options.names ?? ['localhost', '127.0.0.1']),
      notBefore: options.notBefore ?? new Date(Date.now() - DAY_MS),
      notAfter: options.notAfter ?? new Date(Date.now() + 60 * DAY_MS),
    })
    return this.write(name, signed.toString(), key.export({ type: 'pkcs8', format: 'pem' }).toString())
  }

  /** A revocation list of `issuer` with these certificates on it, as DER and as PEM. */
  revocationList(issuer: TestCertificate, revoked: readonly TestCertificate[], nextUpdate = new Date(Date.now() + 30 * DAY_MS)): { der: Buffer; pem: string } {
    const signer = { key: createPrivateKey(issuer.keyText), certificate: new X509Certificate(issuer.cert) }
    const at = new Date(Date.now() - DAY_MS)
    const entries = revoked.map(({ cert }) => ({ serial: new X509Certificate(cert).serialNumber, at }))
    const der = signRevocationList(signer, { number: 1, thisUpdate: at, nextUpdate, revoked: entries })
    return { der, pem: formatRevocationList(der) }
  }

  async write(name: string, cert: string, keyText: string): Promise<TestCertificate> {
    const [certificate, key] = [join(this.path, `${name}.crt`), join(this.path, `${name}.key`)]
    await writeFile(certificate, cert)
    await writeFile(key, keyText, { mode: 0o600 })
    return { certificate, key, cert, keyText }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}
