import { createHash, generateKeyPair, type KeyObject, type X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import { CertificateError } from './certificate-error.ts'

const generate = promisify(generateKeyPair)

/** What keys lacre makes, by the word that people write. */
const kinds = {
  'ec:p256': async () => (await generate('ec', { namedCurve: 'P-256' })).privateKey,
  'ec:p384': async () => (await generate('ec', { namedCurve: 'P-384' })).privateKey,
  'rsa:2048': async () => (await generate('rsa', { modulusLength: 2048 })).privateKey,
  'rsa:3072': async () => (await generate('rsa', { modulusLength: 3072 })).privateKey,
  'rsa:4096': async () => (await generate('rsa', { modulusLength: 4096 })).privateKey,
  ed25519: async () => (await generate('ed25519')).privateKey,
} as const

export type KeyKind = keyof typeof kinds

/** The words in which key kinds are written, the default first. */
export const keyKinds = Object.keys(kinds) as KeyKind[]

/** @throws CertificateError for any other word than those of {@link keyKinds}, upper case or lower. */
export function parseKeyKind(text: string): KeyKind {
  const found = keyKinds.find((kind) => kind === text.toLowerCase())
  if (!found) throw new CertificateError(`${JSON.stringify(text)} is no kind of key`, { hint: `one of ${keyKinds.join(', ')}` })
  return found
}

export async function makeKey(kind: KeyKind): Promise<KeyObject> {
  return kinds[kind]()
}

/** The kind of a key that there is; the default for one that lacre does not make. */
export function keyKindOf(key: KeyObject): KeyKind {
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') return modulusLength > 3072 ? 'rsa:4096' : modulusLength > 2048 ? 'rsa:3072' : 'rsa:2048'
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519'
  return describeKey(key) === 'EC P-384' ? 'ec:p384' : 'ec:p256'
}

/** A key, private or public, as a person reads it: `EC P-256`, `RSA 4096`, `Ed25519`. */
export function describeKey({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): string {
  const { namedCurve = '', modulusLength = 0 } = asymmetricKeyDetails
  if (asymmetricKeyType === 'ec') return `EC ${CURVES[namedCurve] ?? namedCurve}`
  if (asymmetricKeyType === 'ed25519') return 'Ed25519'
  return `${(asymmetricKeyType ?? 'secret').toUpperCase()}${modulusLength > 0 ? ` ${modulusLength}` : ''}`
}

/** What will surprise people about a key that certificates can carry nevertheless. */
export function keyWarnings(key: KeyObject): string[] {
  const isUsual = key.asymmetricKeyType !== 'ec' || Object.hasOwn(CURVES, key.asymmetricKeyDetails?.namedCurve ?? '')
  return isUsual ? [] : [`the key is ${describeKey(key)}: docker and other Go programs, and browsers, cannot use its curve (P-256, P-384 and P-521 they can)`]
}

/** The certificate's public key, as `curl --pinnedpubkey` takes it: `sha256//…`. */
export function spkiPin(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' })
  return `sha256//${createHash('sha256').update(spki).digest('base64')}`
}

export interface SigningAlgorithm {
  /** As WebCrypto names it. */
  readonly web: { readonly name: string; readonly namedCurve?: string; readonly hash?: string }
  /** As node:crypto takes it; `null` where the algorithm implies the digest. */
  readonly digest: string | null
  /** AlgorithmIdentifier: its object identifier, and whether NULL follows. */
  readonly identifier: { readonly oid: string; readonly hasNull: boolean }
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }

const ecdsa = (namedCurve: string, bits: number, oid: string): SigningAlgorithm => ({
  web: { name: 'ECDSA', namedCurve, hash: `SHA-${bits}` },
  digest: `sha${bits}`,
  identifier: { oid, hasNull: false },
})

const algorithms: Readonly<Record<string, SigningAlgorithm>> = {
  'EC P-256': ecdsa('P-256', 256, '1.2.840.10045.4.3.2'), // RFC 5758, 3.2
  'EC P-384': ecdsa('P-384', 384, '1.2.840.10045.4.3.3'),
  'EC P-521': ecdsa('P-521', 512, '1.2.840.10045.4.3.4'),
  RSA: { web: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, digest: 'sha256', identifier: { oid: '1.2.840.113549.1.1.11', hasNull: true } }, // RFC 4055, 5
  Ed25519: { web: { name: 'Ed25519' }, digest: null, identifier: { oid: '1.3.101.112', hasNull: false } }, // RFC 8410, 3
}

/** @throws CertificateError if nobody signs certificates with such a key, for example X25519. */
export function signingAlgorithm(key: KeyObject): SigningAlgorithm {
  const described = describeKey(key)
  const found = algorithms[key.asymmetricKeyType === 'rsa' ? 'RSA' : described]
  if (!found) throw new CertificateError(`lacre cannot sign with a key of the kind ${described}`, { hint: `take one of ${keyKinds.join(', ')}` })
  return found
}
