import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { CertificateFolder } from '../../test/support/certificates.ts'
import { loadServerCertificate, refuseProblems } from './server-certificate.ts'

const DAY_MS = 24 * 60 * 60 * 1000

test('a good certificate with its key has no problems', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  const loaded = await loadServerCertificate(server)
  assert.deepEqual(loaded.problems, [])
  assert.equal(loaded.leaf.fingerprint256, new X509Certificate(server.cert).fingerprint256)
})

test('a chain is kept whole, with the server first', async () => {
  await using folder = await CertificateFolder.make()
  const authority = await folder.issue('authority', { profile: 'authority', names: [] })
  const server = await folder.issue('server', { issuer: authority })
  const chained = await folder.write('chained', `subject=CN = server\n${server.cert}\n${authority.cert}`, server.keyText)
  await writeFile(authority.key, '')
  const loaded = await loadServerCertificate(chained)
  assert.equal(loaded.certificate, server.cert + authority.cert)
  assert.deepEqual(loaded.problems, [])
})

test('a key that belongs to another certificate is refused', async () => {
  await using folder = await CertificateFolder.make()
  const [server, other] = [await folder.issue('server'), await folder.issue('other')]
  await assert.rejects(loadServerCertificate({ certificate: server.certificate, key: other.key }), {
    message: /does not match/,
    hint: /other\.key|take the key/,
  })
})

test('a chain in the wrong order is refused with the order as the hint', async () => {
  await using folder = await CertificateFolder.make()
  const authority = await folder.issue('authority', { profile: 'authority', names: [] })
  const server = await folder.issue('server', { issuer: authority })
  const reversed = await folder.write('reversed', authority.cert + server.cert, server.keyText)
  await assert.rejects(loadServerCertificate(reversed), { hint: /own certificate first/ })
})

test('an encrypted key is refused, and the hint decrypts it', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  const encrypted = createPrivateKey(server.keyText).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
  await writeFile(server.key, encrypted)
  await assert.rejects(loadServerCertificate(server), { message: /encrypted/, hint: /openssl pkey/ })
})

test('a key after EC parameters and a certificate in one file is found', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
  await writeFile(server.key, server.cert + parameters + server.keyText)
  assert.equal((await loadServerCertificate(server)).key, server.keyText)
})

for (const [what, cert, key, message] of [
  ['a missing certificate', undefined, 'server.key', /cannot read the certificate/],
  ['a missing key', 'server.crt', undefined, /cannot read the private key/],
  ['swapped paths', 'server.key', 'server.crt', /holds no certificate/],
  ['a folder in place of the key', 'server.crt', '.', /cannot read the private key/],
] as const) {
  test(`${what} is refused by name`, async () => {
    await using folder = await CertificateFolder.make()
    await folder.issue('server')
    const files = { certificate: join(folder.path, cert ?? 'none.crt'), key: join(folder.path, key ?? 'none.key') }
    await assert.rejects(loadServerCertificate(files), { name: 'CertificateError', message })
  })
}

test('bytes that are no certificate are refused', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  await writeFile(server.certificate, server.cert.replace(/\n[A-Za-z0-9+/]{20}/, '\nAAAAAAAAAAAAAAAAAAAA'))
  await assert.rejects(loadServerCertificate(server), { message: /cannot be parsed/ })
})

async function problemsOf(folder: CertificateFolder, name: string, now = Date.now()) {
  const files = { certificate: join(folder.path, `${name}.crt`), key: join(folder.path, `${name}.key`) }
  return (await loadServerCertificate(files, () => now)).problems
}

test('no SAN: the problem says what docker will say, and how to name the CN as a SAN', async () => {
  await using folder = await CertificateFolder.make()
  await folder.issue('server', { commonName: 'registry.test', names: [] })
  const [problem, ...others] = await problemsOf(folder, 'server')
  assert.deepEqual(others, [])
  assert.equal(problem?.id, 'no-san')
  assert.match(problem.sentence, /server\.crt .*legacy Common Name field, use SANs instead/)
  assert.match(problem.remedy, /DNS:registry\.test/)
})

test("a CA's own certificate as the server's: the problem names the file that was meant", async () => {
  await using folder = await CertificateFolder.make()
  const authority = await folder.issue('registry.ca', { profile: 'authority', names: [] })
  await folder.issue('registry.intranet', { issuer: authority })
  const [problem, ...others] = await problemsOf(folder, 'registry.ca')
  assert.deepEqual(others, [])
  assert.equal(problem?.id, 'ca-as-server')
  assert.match(problem.sentence, /not valid for any names/)
  assert.match(problem.remedy, /registry\.intranet\.crt/)
})

test('a self-signed CA certificate with SANs is no problem', async () => {
  await using folder = await CertificateFolder.make()
  await folder.issue('domain', { profile: 'authority' })
  assert.deepEqual(await problemsOf(folder, 'domain'), [])
})

test("a CA's key beside the server's is a problem that names it", async () => {
  await using folder = await CertificateFolder.make()
  const authority = await folder.issue('registry.ca', { profile: 'authority', names: [] })
  await folder.issue('registry.intranet', { issuer: authority })
  const [problem, ...others] = await problemsOf(folder, 'registry.intranet')
  assert.deepEqual(others, [])
  assert.equal(problem?.id, 'ca-key-beside')
  assert.match(problem.sentence, /registry\.ca\.key/)
})

test("a CA's certificate beside the server's, without the key, is no problem", async () => {
  await using folder = await CertificateFolder.make()
  const authority = await folder.issue('registry.ca', { profile: 'authority', names: [] })
  await folder.issue('registry.intranet', { issuer: authority })
  await writeFile(authority.key, 'kept elsewhere')
  assert.deepEqual(await problemsOf(folder, 'registry.intranet'), [])
})

for (const [days, id] of [
  [-2, 'not-yet-valid'],
  [1, undefined],
  [45, undefined],
  [46.5, 'expires-soon'],
  [59.9, 'expires-soon'],
  [61, 'expired'],
] as const) {
  test(`a certificate of 60 days is ${id ?? 'fine'} on day ${days}`, async () => {
    await using folder = await CertificateFolder.make()
    const start = Date.UTC(2030, 0, 1)
    await folder.issue('server', { notBefore: new Date(start), notAfter: new Date(start + 60 * DAY_MS) })
    const problems = await problemsOf(folder, 'server', start + days * DAY_MS)
    assert.deepEqual(
      problems.map((problem) => problem.id),
      id ? [id] : [],
    )
  })
}

test('a certificate for clients only is a problem', async () => {
  await using folder = await CertificateFolder.make()
  await folder.issue('server', { profile: 'client' })
  assert.equal((await problemsOf(folder, 'server'))[0]?.id, 'not-for-servers')
})

for (const [mode, isProblem] of [
  [0o600, false],
  [0o400, false],
  [0o640, true],
  [0o604, true],
] as const) {
  test(`a key of mode ${mode.toString(8)} is ${isProblem ? 'a problem' : 'fine'}`, async () => {
    await using folder = await CertificateFolder.make()
    const server = await folder.issue('server')
    await chmod(server.key, mode)
    assert.equal(
      (await problemsOf(folder, 'server')).some(({ id }) => id === 'readable-key'),
      isProblem,
    )
  })
}

test('refuseProblems turns problems into an error with all remedies, and no problems into nothing', () => {
  refuseProblems([])
  const problems = [
    { id: 'a', sentence: 'one', remedy: 'do this' },
    { id: 'b', sentence: 'two', remedy: 'do that' },
  ]
  assert.throws(() => refuseProblems(problems), { message: 'one; two', hint: 'do this; do that' })
})
