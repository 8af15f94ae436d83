import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { AuthorityFolder } from '../../test/support/authority-folder.ts'
import { formatRevocationList, readRevokedSerials, signRevocationList } from './revocation-list.ts'

async function list(serials: readonly string[]): Promise<Buffer> {
  await using folder = await AuthorityFolder.make()
  const { certificate } = await folder.create()
  const key = createPrivateKey(await readFile(folder.paths.key))
  const at = new Date(folder.now)
  return signRevocationList({ key, certificate }, { number: 1, thisUpdate: at, nextUpdate: at, revoked: serials.map((serial) => ({ serial, at })) })
}

test('the serials of a list are read as they were listed, also from two lists in one file', async () => {
  const [one, other] = [await list(['ab1f', '7f']), await list(['80', 'ffee'])]
  assert.deepEqual(readRevokedSerials(one, 'crl.der'), new Set(['ab1f', '7f']))
  const both = Buffer.from(formatRevocationList(one) + formatRevocationList(other))
  assert.deepEqual(readRevokedSerials(both, 'crl.pem'), new Set(['ab1f', '7f', '80', 'ffee']))
})

test('a list of nothing has no serials', async () => {
  assert.deepEqual(readRevokedSerials(await list([]), 'crl.der'), new Set())
})

test('10,000 serials come back', async () => {
  const serials = Array.from({ length: 10_000 }, (_, index) => (0x40000000 + index).toString(16))
  assert.equal(readRevokedSerials(await list(serials), 'crl.der').size, 10_000)
})

for (const [what, content] of [
  ['an empty file', ''],
  ['a text', 'hello'],
  ['a certificate of nothing', '-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n'],
] as const) {
  test(`${what} is no list`, () => assert.throws(() => readRevokedSerials(Buffer.from(content), 'crl.pem'), { name: 'CertificateError', hint: /openssl crl/ }))
}
