import { type KeyObject, randomBytes, type webcrypto, X509Certificate } from 'node:crypto'
import type { Extension, X509Certificate as PeculiarCertificate } from '@peculiar/x509'
import { type CertificateName, formatCertificateName } from './names.ts'

/** What a certificate is for: to sign others, to serve, or to name a client. */
export type CertificateProfile = 'authority' | 'server' | 'client'

export interface CertificateRequest {
  readonly profile: CertificateProfile
  readonly commonName: string
  readonly publicKey: KeyObject
  readonly names?: readonly CertificateName[]
  readonly notBefore: Date
  readonly notAfter: Date
}

/** Who signs. Without a certificate the request is for the issuer's own: self-signed. */
export interface Issuer {
  readonly key: KeyObject
  readonly certificate?: X509Certificate
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** Signs a certificate with a P-256 key; passes `openssl verify -x509_strict`. The result never outlives its issuer. */
export async function signCertificate(issuer: Issuer, request: CertificateRequest): Promise<X509Certificate> {
  const x509 = await importX509()
  const publicKey = await crypto.subtle.importKey('spki', request.publicKey.export({ type: 'spki', format: 'der' }), ALGORITHM, true, ['verify'])
  const signingKey = await crypto.subtle.importKey('pkcs8', issuer.key.export({ type: 'pkcs8', format: 'der' }), ALGORITHM, false, ['sign'])
  const authority = issuer.certificate && new x509.X509Certificate(new Uint8Array(issuer.certificate.raw))
  const subject = [{ CN: [request.commonName.slice(0, 64)] }] // RFC 5280, appendix A.1: ub-common-name is 64
  const signed = await x509.X509CertificateGenerator.create({
    serialNumber: makeSerial(),
    subject,
    issuer: authority?.subjectName ?? subject,
    notBefore: request.notBefore,
    notAfter: clamp(request.notAfter, issuer.certificate),
    publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [...(await keyIdentifiers(publicKey, authority)), ...(await profileExtensions(request))],
  })
  return new X509Certificate(signed.toString('pem'))
}

async function importX509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata') // @NOTE without it, and first, the import below throws
  return import('@peculiar/x509') // slow to load, and only needed by who signs
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

async function keyIdentifiers(publicKey: webcrypto.CryptoKey, authority: PeculiarCertificate | undefined): Promise<Extension[]> {
  const x509 = await importX509()
  const subject = await x509.SubjectKeyIdentifierExtension.create(publicKey)
  if (!authority) return [subject]
  const known = authority.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId
  return [subject, known ? new x509.AuthorityKeyIdentifierExtension(known) : await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey)]
}

async function profileExtensions(request: CertificateRequest): Promise<Extension[]> {
  const x509 = await importX509()
  const names = (request.names ?? []).map((name) => ({ type: name.kind, value: name.value }))
  const alternativeNames = names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []
  const { digitalSignature, keyCertSign, cRLSign } = x509.KeyUsageFlags
  if (request.profile === 'authority') {
    return [new x509.BasicConstraintsExtension(true, 0, true), new x509.KeyUsagesExtension(keyCertSign | cRLSign, true), ...alternativeNames]
  }
  const purpose = request.profile === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([purpose]),
    ...alternativeNames,
  ]
}

/** The names a certificate carries, in the form of {@link formatCertificateName}. */
export function certificateNames(certificate: X509Certificate): string[] {
  const entries = (certificate.subjectAltName ?? '').split(', ').filter((entry) => entry !== '')
  return entries.map((entry) => {
    const at = entry.indexOf(':')
    const value = entry.slice(at + 1)
    if (entry.startsWith('DNS:')) return formatCertificateName({ kind: 'dns', value })
    return formatCertificateName({ kind: 'ip', value: value.includes(':') ? new URL(`http://[${value}]`).hostname.slice(1, -1) : value })
  })
}
