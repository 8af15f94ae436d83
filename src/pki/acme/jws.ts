import { createHash, createHmac, createPublicKey, type KeyObject, sign } from 'node:crypto'
import type { Binding } from './binding.ts'

/** A public P-256 key with its members in lexical order, as its thumbprint takes them. */
export interface Jwk {
  readonly crv: string
  readonly kty: string
  readonly x: string
  readonly y: string
}

/** What a request is signed for; the algorithm comes from the key. */
export interface JwsHeader {
  readonly url: string
  readonly nonce?: string
  /** The account's URL; a request without one names the key itself. */
  readonly kid?: string
}

export function publicJwk(key: KeyObject): Jwk {
  const { crv = '', kty = '', x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' })
  return { crv, kty, x, y }
}

/** RFC 7638: what a challenge proves the possession of, and how accounts are told apart. */
export function thumbprint(jwk: Jwk): string {
  return createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
}

/**
 * A request's body, flattened JSON. Without a payload it is a POST-as-GET.
 *
 * @see RFC 8555, 6.2 and 6.3
 */
export function signJws(key: KeyObject, header: JwsHeader, payload?: unknown): string {
  const head = { alg: 'ES256', ...header, ...(header.kid === undefined && { jwk: publicJwk(key) }) }
  // @NOTE a JWS holds r and s side by side, not in DER
  return seal(head, payload, (text) => sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }))
}

/** What ties a new account's key to one that the operator of the server knows already: RFC 8555, 7.3.4. */
export function signBinding(key: KeyObject, url: string, { kid, hmacKey }: Binding): unknown {
  return JSON.parse(seal({ alg: 'HS256', kid, url }, publicJwk(key), (text) => createHmac('sha256', hmacKey).update(text).digest()))
}

function seal(header: object, payload: unknown, signText: (text: string) => Buffer): string {
  const parts = { protected: encodeJson(header), payload: payload === undefined ? '' : encodeJson(payload) }
  return JSON.stringify({ ...parts, signature: signText(`${parts.protected}.${parts.payload}`).toString('base64url') })
}

function encodeJson(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
