import { createHash, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { encodeGeneralNames, encodeSubject, findKeyIdentifier, readExtensions, subjectBytes } from './certificate-parts.ts'
import {
  bitString,
  boolean,
  type DerValue,
  encode,
  explicit,
  extension,
  flags,
  integer,
  nothing,
  objectIdentifier,
  octetString,
  readChildren,
  readDer,
  sequence,
  time,
} from './der.ts'
import type { DistinguishedName } from './distinguished-name.ts'
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
  /** More extensions than the profile brings, DER. */
  readonly extensions?: readonly Buffer[]
  readonly notBefore: Date
  readonly notAfter: Date
}

/** Who signs. Without a certificate the content is the issuer's own: self-signed. */
export interface Issuer {
  readonly key: KeyObject
  readonly certificate?: X509Certificate
}

/** Signs a certificate: RFC 5280, 4. Passes `openssl verify -x509_strict`. The result never outlives its issuer. */
export function signCertificate(issuer: Issuer, content: CertificateContent): X509Certificate {
  const { certificate } = issuer
  const subject = encodeSubject(content.subject)
  return finish(issuer.key, {
    issuer: certificate ? subjectBytes(certificate) : subject,
    notBefore: content.notBefore,
    notAfter: certificate && certificate.validToDate < content.notAfter ? certificate.validToDate : content.notAfter,
    subject,
    publicKey: content.publicKey,
    extensions: [...keyIdentifiers(content.publicKey, certificate), ...profileExtensions(content), ...(content.extensions ?? [])],
  })
}

/** The same root again for longer: same key, subject and extensions, so that what it has signed stays valid. */
export function renewRoot(key: KeyObject, root: X509Certificate, validity: { readonly notBefore: Date; readonly notAfter: Date }): X509Certificate {
  const subject = subjectBytes(root)
  const extensions = readExtensions(root).filter(({ oid }) => oid !== AUTHORITY_KEY_IDENTIFIER) // it may name the old serial
  return finish(key, { ...validity, issuer: subject, subject, publicKey: root.publicKey, extensions: extensions.map(({ raw }) => raw) })
}

/** The key identifier by which certificates name a key: RFC 5280, 4.2.1.2, method 1. */
export function keyIdentifier(publicKey: KeyObject): Buffer {
  const [, bits] = readChildren(readDer(spkiBytes(publicKey))) as [DerValue, DerValue]
  return createHash('sha1').update(bits.content.subarray(1)).digest()
}

/** AlgorithmIdentifier of the signatures that a key makes. */
export function encodeAlgorithm(key: KeyObject): Buffer {
  const { oid, hasNull } = signingAlgorithm(key).identifier
  return sequence(objectIdentifier(oid), ...(hasNull ? [nothing()] : []))
}

interface Fields {
  readonly issuer: Buffer
  readonly notBefore: Date
  readonly notAfter: Date
  readonly subject: Buffer
  readonly publicKey: KeyObject
  readonly extensions: readonly Buffer[]
}

const VERSION_3 = '02'

function finish(key: KeyObject, { issuer, notBefore, notAfter, subject, publicKey, extensions }: Fields): X509Certificate {
  const algorithm = encodeAlgorithm(key)
  const content = sequence(
    explicit(0, integer(VERSION_3)),
    integer(makeSerial()),
    algorithm,
    issuer,
    sequence(time(notBefore), time(notAfter)),
    subject,
    spkiBytes(publicKey),
    explicit(3, sequence(...extensions)),
  )
  return new X509Certificate(sequence(content, algorithm, bitString(sign(signingAlgorithm(key).digest, content, key))))
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

const SUBJECT_KEY_IDENTIFIER = '2.5.29.14'
const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35'
const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE = '2.5.29.15'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const ALTERNATIVE_NAMES = '2.5.29.17'
const PURPOSES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const // RFC 5280, 4.2.1.12
const USAGE = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 } as const // RFC 5280, 4.2.1.3: numbers of bits

function keyIdentifiers(publicKey: KeyObject, issuer: X509Certificate | undefined): Buffer[] {
  const own = extension(SUBJECT_KEY_IDENTIFIER, false, octetString(keyIdentifier(publicKey)))
  if (!issuer) return [own]
  const known = findKeyIdentifier(issuer) ?? keyIdentifier(issuer.publicKey)
  return [own, extension(AUTHORITY_KEY_IDENTIFIER, false, sequence(encode(0x80, known)))]
}

function profileExtensions({ profile, names = [], publicKey, constraints }: CertificateContent): Buffer[] {
  const alternative = names.length > 0 ? [extension(ALTERNATIVE_NAMES, false, encodeGeneralNames(names))] : []
  if (profile === 'authority') {
    const limits = constraints ? [extension(NAME_CONSTRAINTS, true, encodeNameConstraints(constraints))] : []
    const [isAuthority, pathLength] = [boolean(true), integer('00')]
    return [extension(BASIC_CONSTRAINTS, true, sequence(isAuthority, pathLength)), keyUsage([USAGE.keyCertSign, USAGE.cRLSign]), ...limits, ...alternative]
  }
  return [
    extension(BASIC_CONSTRAINTS, true, sequence()),
    keyUsage(publicKey.asymmetricKeyType === 'rsa' ? [USAGE.digitalSignature, USAGE.keyEncipherment] : [USAGE.digitalSignature]),
    extension(EXTENDED_KEY_USAGE, false, sequence(objectIdentifier(PURPOSES[profile]))),
    ...alternative,
  ]
}

function keyUsage(bits: readonly number[]): Buffer {
  return extension(KEY_USAGE, true, flags(bits))
}
