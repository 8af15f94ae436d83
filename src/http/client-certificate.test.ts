import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { CertificateFolder, type TestCertificate } from '../../test/support/certificates.ts'
import type { ClientAuth } from './client-auth.ts'
import { findPath, isRooted, judge, type Standing } from './client-certificate.ts'

const NOW = Date.UTC(2030, 0, 1)
const good: Standing = { isTrusted: true, isRevoked: false, objection: undefined, validFrom: NOW - 1, validUntil: NOW + 1 }

const STANDINGS = {
  none: undefined,
  good,
  foreign: { ...good, isTrusted: false, objection: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
  'foreign, and over': { ...good, isTrusted: false, objection: 'CERT_HAS_EXPIRED', validUntil: NOW - 1 },
  'of a CA that is trusted no more': { ...good, isTrusted: false },
  revoked: { ...good, isRevoked: true },
  'revoked, and over': { ...good, isRevoked: true, objection: 'CERT_HAS_EXPIRED', validUntil: NOW - 1 },
  over: { ...good, objection: 'CERT_HAS_EXPIRED', validUntil: NOW - 1 },
  'over since the handshake': { ...good, validUntil: NOW - 1 },
  early: { ...good, objection: 'CERT_NOT_YET_VALID', validFrom: NOW + 1 },
  'of a CA that is over': { ...good, objection: 'CERT_HAS_EXPIRED' },
  "a server's": { ...good, objection: 'INVALID_PURPOSE' },
  'what OpenSSL has another word for': { ...good, objection: 'PATH_LENGTH_EXCEEDED' },
  'an objection called constructor': { ...good, objection: 'constructor' },
} satisfies Record<string, Standing | undefined>

const VERIFYING = {
  good: undefined,
  foreign: 'foreign',
  'foreign, and over': 'foreign',
  'of a CA that is trusted no more': 'foreign',
  revoked: 'revoked',
  'revoked, and over': 'revoked',
  over: 'expired',
  'over since the handshake': 'expired',
  early: 'not-yet-valid',
  'of a CA that is over': 'authority-expired',
  "a server's": 'wrong-purpose',
  'what OpenSSL has another word for': 'unusable',
  'an objection called constructor': 'unusable',
} as const

const EXPECTED: Readonly<Record<ClientAuth, Partial<Record<keyof typeof STANDINGS, string | undefined>>>> = {
  'no-client-cert': {},
  'request-client-cert': {},
  'require-any-client-cert': { none: 'missing' },
  'verify-client-cert-if-given': VERIFYING,
  'require-and-verify-client-cert': { none: 'missing', ...VERIFYING },
}

for (const [clientAuth, expected] of Object.entries(EXPECTED)) {
  for (const [what, standing] of Object.entries(STANDINGS)) {
    const verdict = expected[what as keyof typeof STANDINGS]
    test(`${clientAuth}: a certificate that is ${what} is ${verdict ?? 'let in'}`, () => assert.equal(judge(clientAuth as ClientAuth, standing, NOW), verdict))
  }
}

test('a path leads through the CAs that are trusted, to a root where it is among them', async () => {
  await using folder = await CertificateFolder.make()
  const root = await folder.issue('root', { profile: 'authority', names: [] })
  const middle = await folder.issue('middle', { profile: 'authority', names: [], issuer: root })
  const other = await folder.issue('other', { profile: 'authority', names: [] })
  const alice = await folder.issue('alice', { profile: 'client', names: [], issuer: middle })
  const parse = ({ cert }: TestCertificate) => new X509Certificate(cert)
  const pathAmong = (...authorities: TestCertificate[]) => {
    const path = findPath(parse(alice), authorities.map(parse))
    return [path.map(({ issuer }) => issuer.subject).join(' '), isRooted(path)]
  }
  assert.deepEqual(pathAmong(other, root, middle), ['CN=middle CN=root CN=root', true])
  assert.deepEqual(pathAmong(middle), ['CN=middle', false])
  assert.deepEqual(pathAmong(root), ['', false])
})
