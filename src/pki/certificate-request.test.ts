import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { listOtherNames } from './certificate-parts.ts'
import { makeRequest, parseRequest } from './certificate-request.ts'
import { parseSubject } from './distinguished-name.ts'
import { keyKinds, keyWarnings, makeKey } from './key-kind.ts'
import { parseCertificateNames } from './names.ts'

const content = { subject: parseSubject('C=FR,CN=registry.intranet'), names: parseCertificateNames(['registry.intranet', '10.0.0.1', 'fd00::1', 'urn:x:y']) }

for (const kind of keyKinds) {
  test(`a request for a key ${kind} is read as it was made`, async () => {
    const { subject, names, ignored } = parseRequest(Buffer.from(makeRequest(await makeKey(kind), content)), 'x.csr')
    assert.deepEqual({ subject, names, ignored }, { ...content, ignored: [] })
  })
}

test('a request that is not signed with its own key is refused', async () => {
  const text = makeRequest(await makeKey('ec:p256'), content)
  const der = Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64')
  const at = der.indexOf('registry.intranet')
  der[at] = 'R'.charCodeAt(0)
  assert.throws(() => parseRequest(der, 'x.csr'), { message: /x\.csr is not signed with its own key/ })
})

test('a request whose host name is in its CN alone is for that name', async () => {
  const text = makeRequest(await makeKey('ec:p256'), { ...content, names: [] })
  assert.deepEqual(parseRequest(Buffer.from(text), 'x.csr').names, [{ kind: 'dns', value: 'registry.intranet' }])
})

for (const [commonName, names] of [
  ['John Smith', []],
  ['alice@corp', []],
  ['one.test,two.test', ['one.test', 'two.test']],
] as const) {
  test(`a request with the CN ${commonName} alone is for ${names.join(' and ') || 'no host'}`, async () => {
    const text = makeRequest(await makeKey('ec:p256'), { subject: [{ type: 'CN', value: commonName }], names: [] })
    assert.deepEqual(
      parseRequest(Buffer.from(text), 'x.csr').names.map(({ value }) => value),
      names,
    )
  })
}

test('a name with a comma in it is not two names', async () => {
  const text = makeRequest(await makeKey('ec:p256'), { subject: [], names: [{ kind: 'dns', value: 'one.test,two.test' }] })
  assert.throws(() => parseRequest(Buffer.from(text), 'x.csr'), { message: /one\.test,two\.test.* is not a host name/ })
})

test('names of kinds that no certificate of lacre has are told of', async () => {
  const der = Buffer.from(
    makeRequest(await makeKey('ec:p256'), { subject: [], names: parseCertificateNames(['a.test', 'urn:x:y']) }).replace(/-----[^-]+-----/g, ''),
    'base64',
  )
  const other = listOtherNames(Buffer.from('300f8106612e74657374a00586032a0304', 'hex'))
  assert.deepEqual([parseRequest(der, 'x.csr').ignored, other], [[], ['rfc822Name', 'otherName']])
})

test('a key on a curve that clients do not know is told of', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  assert.match(keyWarnings(publicKey)[0] ?? '', /secp256k1/)
})

test('a request for a short RSA key is refused', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  assert.throws(() => parseRequest(Buffer.from(makeRequest(privateKey, content)), 'x.csr'), { message: /too short: RSA 1024/ })
})

for (const [what, damage] of [
  ['an empty file', () => ''],
  ['a text', () => 'hello'],
  ['a request cut short', (text: string) => text.slice(0, 200)],
  ['a request with its middle missing', (text: string) => text.replace(/\n[^\n]{64}\n/, '\n')],
] as const) {
  test(`${what} is no request, and the hint says how to look at it`, async () => {
    const text = damage(makeRequest(await makeKey('ec:p256'), content))
    assert.throws(() => parseRequest(Buffer.from(text), 'x.csr'), { name: 'CertificateError', message: /x\.csr/ })
  })
}

test('a request with any byte changed is refused in words, or asks for the same with the same key', async () => {
  const text = makeRequest(await makeKey('ec:p256'), content)
  const der = Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64')
  const original = parseRequest(der, 'x.csr')
  for (let at = 0; at < der.length; at++) {
    const damaged = Buffer.from(der)
    damaged[at] = (damaged[at] ?? 0) ^ 0x55
    try {
      assert.deepEqual(parseRequest(damaged, 'x.csr'), original, `byte ${at}`)
    } catch (error) {
      assert.equal((error as Error).name, 'CertificateError', `byte ${at}: ${error}`)
    }
  }
})
