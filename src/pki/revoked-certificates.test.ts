import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { CertificateFolder } from '../../test/support/certificates.ts'
import { parseRevokedCertificates } from './revoked-certificates.ts'

async function makeList() {
  const folder = await CertificateFolder.make()
  const authority = await folder.issue('ca', { profile: 'authority', names: [] })
  const alice = await folder.issue('alice', { profile: 'client', names: [], issuer: authority })
  const list = folder.revocationList(authority, [alice], new Date('2051-02-03T04:05:06Z'))
  return { authority, alice, list, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

for (const form of ['der', 'pem'] as const) {
  test(`a list as ${form} tells whom it takes back and until when it holds`, async () => {
    await using made = await makeList()
    const [list] = parseRevokedCertificates(Buffer.from(made.list[form]), 'crl')
    assert.deepEqual([...(list?.serials ?? [])], [new X509Certificate(made.alice.cert).serialNumber])
    assert.equal(list?.nextUpdate?.toISOString(), '2051-02-03T04:05:06.000Z')
  })
}

test('a list knows its own CA from another', async () => {
  await using made = await makeList()
  const [list] = parseRevokedCertificates(made.list.der, 'crl')
  const isSignedBy = (cert: string) => list?.isSignedBy(new X509Certificate(cert).publicKey)
  assert.deepEqual([isSignedBy(made.authority.cert), isSignedBy(made.alice.cert)], [true, false])
})

test('a list that was changed is signed by nobody', async () => {
  await using made = await makeList()
  const der = Buffer.from(made.list.der)
  der.write('51020304', der.indexOf('51020304', 'latin1') + 2, 'latin1') // the year
  const [list] = parseRevokedCertificates(der, 'crl')
  assert.equal(list?.isSignedBy(new X509Certificate(made.authority.cert).publicKey), false)
})

test('a file of two lists holds both', async () => {
  await using made = await makeList()
  assert.equal(parseRevokedCertificates(Buffer.from(made.list.pem + made.list.pem), 'crl').length, 2)
})

for (const [what, bytes] of [
  ['nothing', () => Buffer.alloc(0)],
  ['a text', () => Buffer.from('no list')],
  ['one byte', () => Buffer.of(0x30)],
  ['a length of four gigabytes', () => Buffer.from('3084ffffffff', 'hex')],
  ['an empty sequence', () => Buffer.from('3000', 'hex')],
] as const) {
  test(`${what} is no revocation list, and the message names the file`, () => {
    assert.throws(() => parseRevokedCertificates(bytes(), '/etc/crl.pem'), { name: 'CertificateError', message: /\/etc\/crl\.pem/ })
  })
}

test('a list that is cut anywhere is refused, never half read', async () => {
  await using made = await makeList()
  for (let length = 0; length < made.list.der.length; length++)
    assert.throws(() => parseRevokedCertificates(made.list.der.subarray(0, length), 'crl'), { name: 'CertificateError' })
})
