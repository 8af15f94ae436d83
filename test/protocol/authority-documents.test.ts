import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openCertificateLedger } from '../../src/metadata/certificate-ledger.ts'
import { createAuthority } from '../../src/pki/authority.ts'
import { parseRevokedCertificates } from '../../src/pki/revoked-certificates.ts'
import { startRegistry } from '../support/registry.ts'

/** A registry with passwords, and a CA of its own in `pki/`. */
async function startWithAuthority() {
  const folder = await mkdtemp(join(tmpdir(), 'lacre-authority-'))
  const directory = join(folder, 'pki')
  const ledger = openCertificateLedger(join(directory, 'ledger.db'))
  const authority = await createAuthority({ directory, ledger, name: 'lacre test' })
  await authority.renewCrl()
  const authenticator = { realm: 'test', authenticate: async () => undefined, [Symbol.asyncDispose]: async () => undefined }
  const registry = await startRegistry({ authorityFolder: directory, authenticator })
  return {
    registry,
    authority,
    directory,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]()
      ledger.close()
      await rm(folder, { recursive: true })
    },
  }
}

test('everybody may have the CA and its revocation list, though the rest needs a password', async () => {
  await using made = await startWithAuthority()
  const [ca, der, pem] = await Promise.all(['/pki/ca.crt', '/pki/crl', '/pki/crl.pem'].map((path) => made.registry.get(path)))
  assert.equal(new X509Certificate(ca?.text ?? '').fingerprint256, made.authority.certificate.fingerprint256)
  for (const answer of [der, pem]) assert.equal(parseRevokedCertificates(answer?.body ?? Buffer.alloc(0), 'crl').length, 1)
  assert.deepEqual(
    [ca, der, pem].map((answer) => answer?.headers['content-type']),
    ['application/x-pem-file', 'application/pkix-crl', 'application/x-pem-file'],
  )
  assert.equal((await made.registry.get('/v2/')).status, 401)
})

for (const path of ['/pki/ca.crt', '/pki/crl', '/pki/crl.pem']) {
  test(`${path} answers HEAD, tells who has it already, and takes nothing`, async () => {
    await using made = await startWithAuthority()
    const { registry } = made
    const whole = await registry.get(path)
    const head = await registry.send('HEAD', path)
    assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, String(whole.body.length), 0])
    const again = await registry.get(path, { 'if-none-match': String(whole.headers.etag) })
    assert.deepEqual([again.status, again.body.length, again.headers.etag], [304, 0, whole.headers.etag])
    const put = await registry.send('PUT', path, { body: 'x' })
    assert.deepEqual([put.status, put.headers.allow], [405, 'GET, HEAD'])
  })
}

test('a new list is served at once, under another tag', async () => {
  await using made = await startWithAuthority()
  const before = await made.registry.get('/pki/crl')
  await made.authority.renewCrl()
  const after = await made.registry.get('/pki/crl', { 'if-none-match': String(before.headers.etag) })
  assert.equal(after.status, 200)
  assert.deepEqual(after.body, await readFile(join(made.directory, 'crl.der')))
})

for (const [path, file] of [
  ['/pki/crl', 'crl.der'],
  ['/pki/crl.pem', 'crl.pem'],
] as const) {
  test(`${path} stays the last good list while that on disk is damaged`, async () => {
    await using made = await startWithAuthority()
    const whole = await made.registry.get(path)
    await writeFile(join(made.directory, file), whole.body.subarray(0, 150))
    assert.deepEqual((await made.registry.get(path)).body, whole.body)
  })
}

test('where there is no CA there are no documents of it', async () => {
  await using registry = await startRegistry({ authorityFolder: '/nowhere/pki' })
  for (const path of ['/pki/ca.crt', '/pki/crl', '/pki/crl.pem', '/pki/', '/pki/ca.key']) assert.equal((await registry.get(path)).status, 404)
})
