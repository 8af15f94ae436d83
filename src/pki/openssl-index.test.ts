import assert from 'node:assert/strict'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readIndex } from './openssl-index.ts'

async function read(...lines: readonly string[]) {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lacre-index-'))
  const path = join(folder.path, 'index.txt')
  await writeFile(path, lines.join('\n'))
  return readIndex(path)
}

test('of an index, the revoked certificates are read, with date and reason', async () => {
  const found = await read(
    'V\t270220055356Z\t\t01\tunknown\t/CN=alive',
    'R\t270220055356Z\t261122055356Z,keyCompromise\t0A1B\tunknown\t/C=FR/O=SINGLETON/CN=gone',
    'R\t20510220055356Z\t261122055356Z\t03\tunknown\t/CN=for no reason',
    'E\t250220055356Z\t\t04\tunknown\t/CN=over',
    'R\t271320055356Z\t\tzz\tunknown\t/CN=no serial',
    'what is this',
  )
  assert.deepEqual(found, [
    {
      serial: 'a1b',
      subject: 'C=FR, O=SINGLETON, CN=gone',
      notAfter: new Date('2027-02-20T05:53:56Z'),
      at: new Date('2026-11-22T05:53:56Z'),
      reason: 'keyCompromise',
    },
    {
      serial: '3',
      subject: 'CN=for no reason',
      notAfter: new Date('2051-02-20T05:53:56Z'),
      at: new Date('2026-11-22T05:53:56Z'),
      reason: 'unspecified',
    },
  ])
})

test('a reason is taken over, whatever openssl calls it', async () => {
  const reasons = ['CACompromise', 'CAkeyTime,20261122000000Z', 'keyTime,20261122000000Z', 'certificateHold', 'whatever']
  const found = await read(...reasons.map((reason, index) => `R\t270220055356Z\t261122055356Z,${reason}\t0${index}\tunknown\t/CN=gone`))
  assert.deepEqual(
    found.map(({ reason }) => reason),
    ['cACompromise', 'cACompromise', 'keyCompromise', 'unspecified', 'unspecified'],
  )
})

test('where there is no index, nothing is revoked', async () => {
  assert.deepEqual(await readIndex('/nowhere/index.txt'), [])
})
