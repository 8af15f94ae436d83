import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import { publicJwk, signJws, thumbprint } from './jws.ts'

// RFC 7515, appendix A.3: the key of ES256
const key = createPrivateKey({
  format: 'jwk',
  key: {
    kty: 'EC',
    crv: 'P-256',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI',
  },
})

test('the thumbprint of the key of RFC 7515 A.3 is what others compute', () => {
  assert.equal(thumbprint(publicJwk(key)), 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U')
})

test('a request is signed with r and s side by side, and holds the key until there is an account', () => {
  const jws = JSON.parse(signJws(key, { url: 'https://acme.test/order', nonce: 'n' }, { a: 1 })) as Record<'protected' | 'payload' | 'signature', string>
  const header = JSON.parse(Buffer.from(jws.protected, 'base64url').toString()) as Record<string, unknown>
  assert.deepEqual(header, { alg: 'ES256', url: 'https://acme.test/order', nonce: 'n', jwk: publicJwk(key) })
  const signature = Buffer.from(jws.signature, 'base64url')
  assert.equal(signature.length, 64)
  assert.ok(verify('sha256', Buffer.from(`${jws.protected}.${jws.payload}`), { key: createPublicKey(key), dsaEncoding: 'ieee-p1363' }, signature))
})

test('a POST-as-GET has an empty payload, and names the account', () => {
  const jws = JSON.parse(signJws(key, { url: 'u', nonce: 'n', kid: 'https://acme.test/account/1' })) as Record<string, string>
  assert.equal(jws['payload'], '')
  assert.equal(JSON.parse(Buffer.from(jws['protected'] ?? '', 'base64url').toString()).kid, 'https://acme.test/account/1')
})
