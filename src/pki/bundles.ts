import { createPrivateKey, X509Certificate } from 'node:crypto'
import { parseOr } from './authority-files.ts'
import { CertificateError } from './certificate-error.ts'
import type { NewFile } from './new-files.ts'
import { isCertificate, isEncrypted, isPrivateKey, parsePem } from './pem.ts'

/** A certificate with its key, and what must be trusted to believe it; all PEM. */
export interface Material {
  /** Its own first, then the intermediates. */
  readonly certificate: string
  /** Not encrypted; absent for those who have only the certificate. */
  readonly key?: string
  readonly authorities: string
}

type Part = keyof Material

const MODES: Readonly<Record<Part, number>> = { certificate: 0o644, key: 0o600, authorities: 0o644 }

/** What each bundle holds, under the names that its readers want. No bundle has a place for the CA's key. */
const bundles = {
  server: { certificate: 'server.crt', key: 'server.key' },
  client: { certificate: 'client.crt', key: 'client.key', authorities: 'ca.crt' },
  trust: { authorities: 'ca.crt' },
  'docker-client': { authorities: 'ca.crt', certificate: 'client.cert', key: 'client.key' },
  'docker-daemon': { authorities: 'ca.pem', certificate: 'server-cert.pem', key: 'server-key.pem' },
  'docker-cli': { authorities: 'ca.pem', certificate: 'cert.pem', key: 'key.pem' },
} as const satisfies Record<string, Partial<Record<Part, string>>>

export type BundleName = keyof typeof bundles

export const bundleNames = Object.keys(bundles) as BundleName[]

/** Whose certificate a bundle holds; none for what is only to be trusted. */
export const bundleProfiles: Readonly<Record<BundleName, 'server' | 'client' | undefined>> = {
  server: 'server',
  client: 'client',
  trust: undefined,
  'docker-client': 'client',
  'docker-daemon': 'server',
  'docker-cli': 'client',
}

/**
 * The files of a bundle.
 *
 * @throws CertificateError if key and certificate do not belong together, the key is encrypted, or it is that of a CA.
 */
export function bundleFiles(bundle: BundleName, material: Material): NewFile[] {
  const names: Partial<Record<Part, string>> = bundles[bundle]
  return filesOf(names, material)
}

/** How the files of a pair are called; those that a scheme has no name for are not written. */
export interface PairNames {
  readonly certificate: string
  readonly key: string
  readonly request: string
  readonly authorities?: string
}

/** How the files of a pair are called: as lacre, certstrap, the openssl documents or docker do. */
const schemes = {
  lacre: (profile) => ({ certificate: `${profile}.crt`, key: `${profile}.key`, authorities: 'ca.crt', request: `${profile}.csr` }),
  certstrap: (_profile, name) => ({ certificate: `${name}.crt`, key: `${name}.key`, request: `${name}.csr` }),
  openssl: () => ({ certificate: 'domain.crt', key: 'domain.key', request: 'domain.csr' }),
  docker: (profile) => ({ certificate: `${profile}-cert.pem`, key: `${profile}-key.pem`, authorities: 'ca.pem', request: `${profile}.csr` }),
} as const satisfies Record<string, (profile: 'server' | 'client', name: string) => PairNames>

export type SchemeName = keyof typeof schemes

export const schemeNames = Object.keys(schemes) as SchemeName[]

/** The names of the files of a pair; `name` is what the certificate is for. */
export function pairNames(scheme: SchemeName, profile: 'server' | 'client', name: string): PairNames {
  return schemes[scheme](profile, fileNameOf(name))
}

/** A name for files and folders: certstrap writes blanks as `_`, and so is everything that a shell or a path would take otherwise. */
export function fileNameOf(name: string): string {
  return name.replace(/[^A-Za-z0-9.@_-]/g, '_').replace(/^[.-]/, '_')
}

/** @throws CertificateError as {@link bundleFiles} does. */
export function filesOf(names: Partial<Record<Part, string>>, material: Material): NewFile[] {
  if (names.key !== undefined && material.key !== undefined) checkPair(material.certificate, material.key)
  return (['authorities', 'certificate', 'key'] as const).flatMap((part) => {
    const [name, text] = [names[part], part === 'key' ? material.key : publicPart(material[part])]
    return name === undefined || text === undefined ? [] : [{ name, text, mode: MODES[part] }]
  })
}

/** Certificates alone, whatever else stands in the file. */
function publicPart(text: string): string {
  return parsePem(text)
    .filter(isCertificate)
    .map((block) => block.text)
    .join('')
}

/**
 * Sees to it that a certificate and a key belong together, and that whoever gets them can use them and nothing more.
 *
 * @throws CertificateError otherwise; `what` names the pair.
 */
export function checkPair(certificateText: string, keyText: string, what = 'the pair'): void {
  const key = parsePem(keyText).find(isPrivateKey)
  const [first] = parsePem(certificateText).filter(isCertificate)
  if (!key || !first) throw new CertificateError(`${what} lacks ${key ? 'a certificate' : 'a private key'} in PEM`, { hint: 'are the two paths swapped?' })
  if (isEncrypted(key)) {
    throw new CertificateError(`the key of ${what} is encrypted: docker, dockerd and all other Go programs say "tls: failed to parse private key"`, {
      hint: 'write it without a passphrase, for its owner alone: (umask 077; openssl pkey -in KEY -out client.key)',
    })
  }
  const certificate = parseOr(() => new X509Certificate(first.text), `the certificate of ${what}`)
  if (!certificate.checkPrivateKey(parseOr(() => createPrivateKey(key.text), `the key of ${what}`))) {
    throw new CertificateError(
      `the key of ${what} is not the one that its certificate was made with: clients say "tls: private key does not match public key"`,
      {
        hint: "was the certificate made from another key, such as the server's? Compare: openssl x509 -noout -pubkey -in CERTIFICATE and openssl pkey -pubout -in KEY",
      },
    )
  }
  if (certificate.ca && certificate.subjectAltName === undefined) {
    throw new CertificateError(`the key of ${what} is that of a CA: who has it can make certificates for any name`, {
      hint: 'give the server a certificate that the CA has signed: lacre cert issue server NAME',
    })
  }
}
