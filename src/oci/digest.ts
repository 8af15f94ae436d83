import { createHash, type Hash } from 'node:crypto'
import { OciError } from './error.ts'

/** A digest whose algorithm we can compute and whose hex is well formed, for example `sha256:9f86…`. */
export type Digest = string & { readonly __brand: 'Digest' }

export type DigestAlgorithm = 'sha256' | 'sha512'

const HEX_LENGTHS: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 }
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/**
 * Reads a digest as a client sends it.
 *
 * @throws OciError `DIGEST_INVALID` if the algorithm is not sha256 or sha512, or the hex has the wrong length or case.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
 */
export function parseDigest(text: string): Digest {
  const digest = findDigest(text)
  if (!digest) throw new OciError('DIGEST_INVALID', { digest: text.slice(0, 256) })
  return digest
}

/** The digest that `text` is, or `undefined`. For links and manifests, where bad text is not the client's request. */
export function findDigest(text: string): Digest | undefined {
  return DIGEST.test(text) ? (text as Digest) : undefined // the only cast to Digest
}

/** @throws OciError `DIGEST_INVALID` if `text` names no algorithm that we can compute. */
export function parseDigestAlgorithm(text: string): DigestAlgorithm {
  if (text !== 'sha256' && text !== 'sha512') throw new OciError('DIGEST_INVALID', { algorithm: text.slice(0, 256) })
  return text
}

export function isDigestAlgorithm(text: string): text is DigestAlgorithm {
  return Object.hasOwn(HEX_LENGTHS, text)
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, 6) as DigestAlgorithm
}

export function digestHex(digest: Digest): string {
  return digest.slice(7)
}

/** Counts nothing, keeps nothing: a running hash that ends in a digest. */
export class DigestHash {
  readonly algorithm: DigestAlgorithm
  readonly #hash: Hash

  constructor(algorithm: DigestAlgorithm) {
    this.algorithm = algorithm
    this.#hash = createHash(algorithm)
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes)
  }

  /** The digest of everything so far; may be called once. */
  digest(): Digest {
    return parseDigest(`${this.algorithm}:${this.#hash.digest('hex')}`)
  }
}

/** The digest of bytes that are all here. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`)
}
