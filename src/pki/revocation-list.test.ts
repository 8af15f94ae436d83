import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { AuthorityFolder } from '../../test/support/authority-folder.ts'
import { keyKinds } from './key-kind.ts'
import { formatRevocationList, signRevocationList } from './revocation-list.ts'
import { parseRevokedCertificates } from './revoked-certificates.ts'

async function list(serials: readonly string[], kind = keyKinds[0]) {
  await using folder = await AuthorityFolder.make()
  const { certificate } = await folder.create(kind && { kind })
  const key = createPrivateKey(await readFile(folder.paths.key))
  const at = new Date(folder.now)
  const der = signRevocationList({ key, certificate }, { number: 1, thisUpdate: at, nextUpdate: at, revoked: serials.map((serial) => ({ serial, at })) })
  return { der, certificate }
}

test('the serials of a list are read as they were listed, also from two lists in one file', async () => {
  const [one, other] = [await list(['ab1f', '7f']), await list(['80', 'ffee'])]
  const both = Buffer.from(formatRevocationList(one.der) + formatRevocationList(other.der))
  assert.deepEqual(
    parseRevokedCertificates(both, 'crl.pem').map(({ serials }) => [...serials]),
    [
      ['AB1F', '7F'],
      ['80', 'FFEE'],
    ],
  )
})

for (const kind of keyKinds) {
  test(`a list of nothing, signed with ${kind}, is its CA's own`, async () => {
    const { der, certificate } = await list([], kind)
    const [parsed] = parseRevokedCertificates(der, 'crl.der')
    assert.deepEqual([parsed?.serials.size, parsed?.isSignedBy(certificate.publicKey)], [0, true])
  })
}

test('10,000 serials come back', async () => {
  const serials = Array.from({ length: 10_000 }, (_, index) => (0x40000000 + index).toString(16))
  assert.equal(parseRevokedCertificates((await list(serials)).der, 'crl.der')[0]?.serials.size, 10_000)
})
