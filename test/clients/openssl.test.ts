/** What openssl and curl say of lacre's certificates, and lacre of openssl's. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { answerPlainHttp } from '../../src/http/plain-http-on-tls.ts'
import { loadTls } from '../../src/http/tls.ts'
import { ensureServerCertificate, type SelfMadeCertificate } from '../../src/pki/self-made.ts'
import { loadServerCertificate } from '../../src/pki/server-certificate.ts'
import { CertificateFolder } from '../support/certificates.ts'
import { openLedger } from '../support/ledger-file.ts'

const run = promisify(execFile)

async function openssl(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run('openssl', args)
  return stdout + stderr
}

let made: SelfMadeCertificate
const folder = await CertificateFolder.make()
before(async () => {
  using ledger = openLedger(join(folder.path, 'made'))
  made = await ensureServerCertificate({
    ledger,
    directory: join(folder.path, 'made'),
    names: ['registry.test', '*.mirror.test', '192.0.2.10', '2001:db8::10', 'localhost', '127.0.0.1'],
  })
})
after(() => folder[Symbol.asyncDispose]())

for (const [option, value] of [
  ['-verify_hostname', 'registry.test'],
  ['-verify_hostname', 'a.mirror.test'],
  ['-verify_ip', '192.0.2.10'],
  ['-verify_ip', '2001:db8::10'],
] as const) {
  test(`openssl verifies the made certificate strictly for ${value}`, async () => {
    const answer = await openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', made.caPath, option, value, made.certificatePath)
    assert.match(answer, /: OK/)
  })
}

test('openssl does not verify the made certificate for another name', async () => {
  const asked = openssl('verify', '-x509_strict', '-CAfile', made.caPath, '-verify_hostname', 'other.test', made.certificatePath)
  await assert.rejects(asked, /hostname mismatch/)
})

test('openssl verifies the CA strictly, and prints the fingerprint that lacre does', async () => {
  assert.match(await openssl('verify', '-x509_strict', '-CAfile', made.caPath, made.caPath), /: OK/)
  assert.ok((await openssl('x509', '-noout', '-fingerprint', '-sha256', '-in', made.caPath)).includes(made.fingerprints.ca))
})

test('openssl reads both keys', async () => {
  for (const path of [made.keyPath, made.caPath.replace(/crt$/, 'key')]) assert.match(await openssl('pkey', '-noout', '-text', '-in', path), /prime256v1/)
})

async function listen(): Promise<{ port: number } & AsyncDisposable> {
  const { options } = await loadTls({ certificate: made.certificatePath, key: made.keyPath })
  const server = createServer(options, (_request, response) => response.end('ok'))
  const watch = answerPlainHttp(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      watch.dropSilent()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function curl(...args: string[]): Promise<string> {
  return (await run('curl', ['-sS', '--noproxy', '*', ...args])).stdout
}

test('curl trusts the server by the CA, and by the pin of its key', async () => {
  await using listening = await listen()
  const url = `https://localhost:${listening.port}/`
  assert.equal(await curl('--cacert', made.caPath, url), 'ok')
  assert.equal(await curl('-k', '--pinnedpubkey', made.spkiPin, url), 'ok')
  await assert.rejects(curl(url), { code: 60 })
  await assert.rejects(curl('-k', '--pinnedpubkey', `sha256//${'A'.repeat(43)}=`, url), { code: 90 })
})

test('curl shows where to go when it comes without TLS', async () => {
  await using listening = await listen()
  const url = `//localhost:${listening.port}/v2/`
  assert.match(await curl('-i', `http:${url}`), new RegExp(`^HTTP/1\\.1 400 [\\s\\S]*use https:${url}"`))
})

test('openssl s_client ends the handshake with TLS 1.3 and a verified chain', async () => {
  await using listening = await listen()
  const child = run('openssl', ['s_client', '-connect', `127.0.0.1:${listening.port}`, '-CAfile', made.caPath, '-verify_hostname', 'registry.test', '-brief'])
  child.child.stdin?.end()
  const { stdout, stderr } = await child
  assert.match(stdout + stderr, /TLSv1\.3[\s\S]*Verification: OK/)
})

/** A self-signed certificate as people make it with openssl, in a folder of its own. */
async function selfSign(name: string, ...args: string[]): Promise<{ certificate: string; key: string }> {
  const own = join(folder.path, name)
  await mkdir(own)
  const files = { certificate: join(own, 'domain.crt'), key: join(own, 'domain.key') }
  await openssl('req', '-x509', '-nodes', '-sha256', '-days', '365', '-keyout', files.key, '-out', files.certificate, ...args)
  return files
}

const SAN = ['-addext', 'subjectAltName=DNS:localhost,DNS:centos8s-server,IP:192.168.56.200']
for (const [what, name, args, ids] of [
  ['a self-signed certificate with SANs', 'with-san', ['-newkey', 'rsa:4096', '-subj', '/C=FR/O=R&D/CN=centos8s-server', ...SAN], []],
  ['a self-signed certificate with its name in the CN alone', 'with-cn', ['-newkey', 'rsa:2048', '-subj', '/CN=registry.test'], ['no-san']],
  ['a self-signed certificate with a key of 1024 bits', 'short', ['-newkey', 'rsa:1024', '-subj', '/CN=localhost', ...SAN], ['short-key']],
  ['a self-signed Ed25519 certificate', 'ed25519', ['-newkey', 'ed25519', '-subj', '/CN=localhost', ...SAN], []],
] as const) {
  test(`${what} of openssl starts, with ${ids.join() || 'no problem'}`, async () => {
    const { problems } = await loadTls(await selfSign(name, ...args))
    assert.deepEqual(
      problems.map(({ id }) => id),
      ids,
    )
  })
}

for (const [what, args] of [
  ['PKCS#8', ['pkey', '-aes-256-cbc']],
  ['the traditional form', ['rsa', '-aes256', '-traditional']],
] as const) {
  test(`a key that openssl encrypted in ${what} is refused`, async () => {
    const files = await selfSign(`encrypted-${args[0]}`, '-newkey', 'rsa:2048', '-subj', '/CN=localhost', ...SAN)
    const encrypted = `${files.key}.encrypted`
    await openssl(...args, '-passout', 'pass:secret', '-in', files.key, '-out', encrypted)
    await assert.rejects(loadServerCertificate({ ...files, key: encrypted }), { message: /encrypted/ })
  })
}
