import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { copyFile, mkdtemp, mkdtempDisposable, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AuthorityFolder } from '../../test/support/authority-folder.ts'
import { formatRevocationList, signRevocationList } from './revocation-list.ts'
import { findAuthority, takeOver } from './takeover.ts'

test('lists of a CA that was taken over go on from its own: their number, and all that they revoke', async () => {
  await using theirs = await AuthorityFolder.make()
  const { certificate } = await theirs.create()
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lacre-takeover-'))
  for (const name of ['ca.crt', 'ca.key']) await copyFile(join(theirs.paths.folder, name), join(folder.path, name))
  const key = createPrivateKey(await readFile(theirs.paths.key))
  const at = new Date(theirs.now)
  const content = { number: 1000, thisUpdate: at, nextUpdate: at, revoked: [{ serial: 'ab1f', at, reason: 'cACompromise' as const }] }
  await writeFile(join(folder.path, 'my.crl'), formatRevocationList(signRevocationList({ key, certificate }, content)))

  await using ours = await AuthorityFolder.make()
  const authority = await takeOver(await findAuthority(folder.path), { ...ours.options, key })
  const { number, size } = await authority.renewCrl()
  assert.deepEqual([number, size, ours.ledger.find('AB:1F')?.reason], [1001, 1, 'cACompromise'])
})

async function makeForeignFolder(): Promise<AsyncDisposable & { path: string }> {
  await using ours = await AuthorityFolder.make()
  await ours.create()
  const path = await mkdtemp(join(tmpdir(), 'lacre-foreign-'))
  await copyFile(ours.paths.certificate, join(path, 'Their_CA.crt'))
  await copyFile(ours.paths.key, join(path, 'Their_CA.key'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

test('a pipe and a device among the certificates are passed over, as is a pipe in place of a CA', async () => {
  await using folder = await makeForeignFolder()
  for (const name of ['a.crt', 'ca.crt', 'ca.pem']) execFileSync('mkfifo', [join(folder.path, name)])
  await symlink('/dev/zero', join(folder.path, 'b.pem'))
  const { certificatePath, issued } = await findAuthority(folder.path)
  assert.deepEqual([certificatePath, issued], [join(folder.path, 'Their_CA.crt'), []])
})

test('a list of revocations that is cut short is refused', async () => {
  await using folder = await makeForeignFolder()
  await writeFile(join(folder.path, 'old.crl'), '-----BEGIN X509 CRL-----\nMIIB\n')
  await assert.rejects(findAuthority(folder.path), { name: 'CertificateError', message: /old\.crl/ })
})

for (const name of ['index.txt', 'old.crl']) {
  test(`a pipe called ${name} is refused, since revocations would be lost with it`, async () => {
    await using folder = await makeForeignFolder()
    execFileSync('mkfifo', [join(folder.path, name)])
    await assert.rejects(findAuthority(folder.path), { name: 'CertificateError', message: new RegExp(name) })
  })
}
