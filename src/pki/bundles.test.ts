import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { after, test } from 'node:test'
import { CertificateFolder } from '../../test/support/certificates.ts'
import { bundleFiles, bundleNames, checkPair, fileNameOf } from './bundles.ts'
import { formatKey } from './key-file.ts'

const folder = await CertificateFolder.make()
after(() => folder[Symbol.asyncDispose]())

const authority = await folder.issue('ca', { profile: 'authority', names: [] })
const server = await folder.issue('server', { issuer: authority })
const client = await folder.issue('client', { issuer: authority, profile: 'client' })
const encrypted = await formatKey(createPrivateKey(client.keyText), 'secret')

for (const bundle of bundleNames) {
  test(`the bundle ${bundle} holds no key of the CA, not even one that lies among the certificates`, () => {
    const material = { certificate: client.cert + authority.keyText, key: client.keyText, authorities: authority.keyText + authority.cert }
    const ca = new X509Certificate(authority.cert)
    for (const { text } of bundleFiles(bundle, material)) {
      assert.ok(!text.includes('PRIVATE KEY') || !ca.checkPrivateKey(createPrivateKey(text)))
    }
  })
}

for (const [what, certificate, key, message] of [
  ['of another certificate', client.cert, server.keyText, /private key does not match public key/],
  ['that is encrypted', client.cert, encrypted, /tls: failed to parse private key/],
  ['of a CA', authority.cert, authority.keyText, /is that of a CA/],
  ['that is none', client.cert, client.cert, /lacks a private key/],
] as const) {
  test(`a pair with a key ${what} is refused`, () => assert.throws(() => checkPair(certificate, key), { name: 'CertificateError', message }))
}

test('a pair that belongs together is not refused', () => checkPair(server.cert, server.keyText))

for (const [name, file] of [
  ['registry.intranet', 'registry.intranet'],
  ['*.intranet', '_.intranet'],
  ['2001:db8::1', '2001_db8__1'],
  ['../../etc', '_._.._etc'],
  ['SINGLETON CA', 'SINGLETON_CA'],
] as const) {
  test(`${name} is written to files as ${file}`, () => assert.equal(fileNameOf(name), file))
}
