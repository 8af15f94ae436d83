import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatSubject, parseCommonName, parseSubject } from './distinguished-name.ts'

for (const [text, written] of [
  ['C=FR,O=SINGLETON,OU=R&D', 'C=FR, O=SINGLETON, OU=R&D'],
  ['/C=FR/ST=Île-de-France/CN=registry.intranet', 'C=FR, ST=Île-de-France, CN=registry.intranet'],
  ['o = Acme\\, Inc. ; cn=x', 'O=Acme\\, Inc., CN=x'],
  ['CN=a=b', 'CN=a=b'],
  ['E=a@b.test,DC=lan', 'emailAddress=a@b.test, DC=lan'],
] as const) {
  test(`the subject ${text} is ${written}`, () => {
    assert.equal(formatSubject(parseSubject(text)), written)
    assert.deepEqual(parseSubject(written), parseSubject(text))
  })
}

for (const text of ['', 'registry.test', 'XX=1', 'CN=', 'C=FRA', `CN=${'a'.repeat(65)}`, 'O=a,,CN=b', 'CN=a\x1b[31mb', 'CN=a\u009bb', 'O=a\nb,CN=c']) {
  test(`${JSON.stringify(text.slice(0, 20))} is no subject`, () => assert.throws(() => parseSubject(text), { name: 'CertificateError' }))
}

for (const [why, text] of [
  ['longer than 64 characters', 'a'.repeat(65)],
  ['empty', ''],
  ['with a bell', 'CA\x07'],
] as const) {
  test(`a CN that is ${why} is refused`, () => assert.throws(() => parseCommonName(text), { name: 'CertificateError' }))
}
