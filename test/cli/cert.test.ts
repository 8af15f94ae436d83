import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeRequest } from '../../src/pki/certificate-request.ts'
import { makeKey } from '../../src/pki/key-kind.ts'
import { lacre, lacreEach, Workplace } from './support/lacre.ts'

test("a CA's own certificate and key are not imported as a server's, which would decrypt the key", async () => {
  await using place = await Workplace.make()
  const [pki, phrase, out] = ['pki', 'phrase', 'out'].map((name) => join(place.folder, name)) as [string, string, string]
  await writeFile(phrase, 'right\n')
  const [, imported] = await lacreEach([
    ['ca', 'init', '--pki', pki, '--passphrase-file', phrase],
    ['cert', 'import', '--cert', join(pki, 'ca/ca.crt'), '--key', join(pki, 'ca/ca.key'), '--passphrase-file', phrase, '--out', out],
  ])
  assert.equal(imported?.status, 1)
  assert.match(imported?.stderr ?? '', /is the certificate of a CA.*\nhint: .*lacre ca import/)
  assert.equal(existsSync(out), false)
})

test('control characters of a request reach no certificate and no terminal', async () => {
  await using place = await Workplace.make()
  const [pki, request] = [join(place.folder, 'pki'), join(place.folder, 'x.csr')]
  await writeFile(
    request,
    makeRequest(await makeKey('ec:p256'), { subject: [{ type: 'CN', value: 'a\x1b[31m\x07b' }], names: [{ kind: 'dns', value: 'a.test' }] }),
  )
  const done = await lacreEach([
    ['ca', 'init', '--pki', pki, '--no-passphrase'],
    ['cert', 'sign', request, '--pki', pki],
    ['cert', 'issue', 'server', 'a\x1b[31m.test', '--pki', pki],
    ['cert', 'revoke', 'b\x07', '--pki', pki],
    ['ca', 'init', '--pki', `${pki}-2\x1b[31m`, '--no-passphrase', '--dry-run'],
  ])
  assert.deepEqual(
    done.map(({ status }) => status),
    [0, 1, 1, 1, 0],
  )
  for (const { stdout, stderr } of done) assert.doesNotMatch(stdout + stderr, /(?!\n)\p{Cc}/u)
})

for (const [what, path] of [
  ['is not there', '/nowhere/phrase'],
  ['is a folder', '/tmp'],
] as const) {
  test(`a passphrase file that ${what} is told with a hint`, async () => {
    await using place = await Workplace.make()
    const [made] = await lacreEach([['ca', 'init', '--pki', join(place.folder, 'pki'), '--passphrase-file', path]])
    assert.equal(made?.status, 1)
    assert.match(made?.stderr ?? '', /cannot read the passphrase .*\nhint: /)
  })
}

test('of several that issue the same at once, one does, and what the ledger holds is on disk', async () => {
  await using place = await Workplace.make()
  const [pki, out] = [join(place.folder, 'pki'), join(place.folder, 'out')]
  await lacre(['ca', 'init', '--pki', pki, '--no-passphrase'])
  const done = await Promise.all(Array.from({ length: 4 }, () => lacre(['cert', 'issue', 'server', 'same.test', '--pki', pki, '--out', out])))
  assert.deepEqual(done.map(({ status }) => status).sort(), [0, 1, 1, 1])
  for (const { stderr } of done.filter(({ status }) => status === 1)) assert.match(stderr, /exist already, and nothing was changed\nhint: /)
  const [listed] = await lacreEach([['cert', 'list', '--pki', pki, '--json']])
  const issued = (JSON.parse(listed?.stdout ?? '') as { profile: string; serial: string }[]).filter(({ profile }) => profile === 'server')
  const kept = new X509Certificate(await readFile(join(out, 'server.crt')))
  assert.deepEqual(
    issued.map(({ serial }) => serial),
    [kept.serialNumber.toLowerCase()],
  )
  assert.deepEqual((await readdir(out)).sort(), ['ca.crt', 'server.crt', 'server.key'])
})

test("root exports the CA to where root may write, from another's data folder", { skip: process.getuid?.() !== 0 }, async () => {
  await using place = await Workplace.make()
  await mkdir(place.data)
  await chown(place.data, 4711, 4711)
  await chmod(place.folder, 0o755)
  const out = join(place.folder, 'certs.d')
  await mkdir(out, { mode: 0o755 })
  await lacre(['ca', 'init', '--data', place.data, '--no-passphrase'])
  const exported = await lacre(['ca', 'export', '--data', place.data, '--out', out])
  assert.deepEqual([exported.status, exported.stderr], [0, ''])
  assert.equal((await stat(join(out, 'ca.crt'))).uid, 0)
})
