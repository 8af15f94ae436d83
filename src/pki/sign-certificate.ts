import { createHash, type KeyObject, randomBytes, type webcrypto, X509Certificate } from 'node:crypto'
import type { Extension } from '@peculiar/x509'
import { findKeyIdentifier } from './certificate-parts.ts'
import { readChildren, readDer } from './der.ts'
import { attributeIdentifier, type DistinguishedName } from './distinguished-name.ts'
import { signingAlgorithm } from './key-kind.ts'
import type { CertificateProfile } from './ledger.ts'
import { encodeNameConstraints, NAME_CONSTRAINTS, type NameConstraints } from './name-constraints.ts'
import type { CertificateName } from './names.ts'

/** What a certificate says. */
export interface CertificateContent {
  readonly profile: CertificateProfile
  readonly subject: DistinguishedName
  readonly publicKey: KeyObject
  readonly names?: readonly CertificateName[]
  /** Of an authority: the only names it may vouch for. */
  readonly constraints?: NameConstraints
  readonly notBefore: Date
  readonly notAfter: Date
}

/** Who signs. Without a certificate the content is the issuer's own: self-signed. */
export interface Issuer {
  readonly key: KeyObject
  readonly certificate?: X509Certificate
}

/** Signs a certificate; passes `openssl verify -x509_strict`. The result never outlives its issuer. */
export async function signCertificate(issuer: Issuer, content: CertificateContent): Promise<X509Certificate> {
  const x509 = await importX509()
  const subject = content.subject.map(({ type, value }) => ({ [attributeIdentifier(type)]: [value] }))
  const authority = issuer.certificate && new x509.X509Certificate(new Uint8Array(issuer.certificate.raw))
  const signed = await x509.X509CertificateGenerator.create({
    serialNumber: makeSerial(),
    subject,
    issuer: authority?.subjectName ?? subject,
    notBefore: content.notBefore,
    notAfter: clamp(content.notAfter, issuer.certificate),
    publicKey: new Uint8Array(spkiBytes(content.publicKey)),
    ...signer(issuer.key),
    extensions: [...(await keyIdentifiers(content.publicKey, issuer.certificate)), ...(await profileExtensions(content))],
  })
  return new X509Certificate(signed.toString('pem'))
}

/** The library, which is slow to load and only needed by who signs. */
async function importX509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata') // @NOTE without it, and first, the import below throws
  return import('@peculiar/x509')
}

/** A private key as the library takes it. */
function signer(key: KeyObject): { signingKey: webcrypto.CryptoKey; signingAlgorithm: { name: string } } {
  const { web } = signingAlgorithm(key)
  return { signingKey: key.toCryptoKey(web, false, ['sign']), signingAlgorithm: web }
}

/** The key identifier by which certificates name a key: RFC 5280, 4.2.1.2, method 1. */
export function keyIdentifier(publicKey: KeyObject): Buffer {
  const bits = readChildren(readDer(spkiBytes(publicKey)))[1]?.content.subarray(1) ?? Buffer.alloc(0)
  return createHash('sha1').update(bits).digest()
}

function spkiBytes(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' })
}

/** 127 random bits; the first byte keeps it positive and free of leading zeros. */
function makeSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f)
  return bytes.toString('hex')
}

function clamp(notAfter: Date, issuer: X509Certificate | undefined): Date {
  return issuer && issuer.validToDate < notAfter ? issuer.validToDate : notAfter
}

async function keyIdentifiers(publicKey: KeyObject, issuer: X509Certificate | undefined): Promise<Extension[]> {
  const x509 = await importX509()
  const own = new x509.SubjectKeyIdentifierExtension(keyIdentifier(publicKey).toString('hex'))
  if (!issuer) return [own]
  const known = findKeyIdentifier(issuer) ?? keyIdentifier(issuer.publicKey)
  return [own, new x509.AuthorityKeyIdentifierExtension(known.toString('hex'))]
}

async function profileExtensions({ profile, names = [], publicKey, constraints }: CertificateContent): Promise<Extension[]> {
  const x509 = await importX509()
  const { digitalSignature, keyEncipherment, keyCertSign, cRLSign } = x509.KeyUsageFlags
  const generalNames = names.map(({ kind, value }) => ({ type: kind === 'uri' ? ('url' as const) : kind, value }))
  const alternative = generalNames.length > 0 ? [new x509.SubjectAlternativeNameExtension(generalNames)] : []
  if (profile === 'authority') {
    const limits = constraints ? [new x509.Extension(NAME_CONSTRAINTS, true, new Uint8Array(encodeNameConstraints(constraints)))] : []
    return [new x509.BasicConstraintsExtension(true, 0, true), new x509.KeyUsagesExtension(keyCertSign | cRLSign, true), ...limits, ...alternative]
  }
  const usage = publicKey.asymmetricKeyType === 'rsa' ? digitalSignature | keyEncipherment : digitalSignature
  const purpose = profile === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(usage, true),
    new x509.ExtendedKeyUsageExtension([purpose]),
    ...alternative,
  ]
}
