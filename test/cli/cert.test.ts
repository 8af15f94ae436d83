import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeRequest } from '../../src/pki/certificate-request.ts'
import { makeKey } from '../../src/pki/key-kind.ts'
import { lacreEach, Workplace } from './support/lacre.ts'

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
