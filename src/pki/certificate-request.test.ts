import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { makeRequest, parseRequest } from './certificate-request.ts'
import { parseSubject } from './distinguished-name.ts'
import { keyKinds, makeKey } from './key-kind.ts'
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
