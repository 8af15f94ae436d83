import { type KeyObject, verify } from 'node:crypto'
import { type DerValue, readChildren, readDer, readObjectIdentifier } from './der.ts'

/** What certificates, requests and revocation lists have in common: X.509's SIGNED. */
export interface SignedValue {
  readonly content: DerValue
  /** Whether the owner of this key has signed the content, in one of the ways that are still believed. */
  isSignedBy(key: KeyObject): boolean
}

/** @throws RangeError if the value is not whole, or has not three parts. */
export function readSignedValue(der: Buffer): SignedValue {
  const [content, algorithm, signature] = readChildren(readDer(der))
  if (!content || !algorithm || !signature) throw new RangeError('a signed value has three parts')
  const bits = signature.content.subarray(1) // the bits that the last byte lacks come first: none
  return { content, isSignedBy: (key) => isSigned(content.raw, key, readObjectIdentifier(readDer(algorithm.content)), bits) }
}

/** The digest of each way to sign that CAs use; what is not here, such as SHA-1, verifies with nothing. */
const DIGESTS: ReadonlyMap<string, string | undefined> = new Map([
  ['1.2.840.10045.4.3.2', 'sha256'], // ecdsa-with-SHA256
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
  ['1.2.840.113549.1.1.11', 'sha256'], // sha256WithRSAEncryption
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.3.101.112', undefined], // Ed25519 hashes by itself
])

function isSigned(bytes: Buffer, key: KeyObject, algorithm: string, signature: Buffer): boolean {
  if (!DIGESTS.has(algorithm)) return false
  try {
    return verify(DIGESTS.get(algorithm), bytes, key, signature)
  } catch {
    return false // a key of another kind
  }
}
