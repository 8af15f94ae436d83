import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { copyFile, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
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
