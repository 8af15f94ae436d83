import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatKey, readKeyFile } from './key-file.ts'

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const plain = await formatKey(key)
const encrypted = await formatKey(key, 'right')

async function read(text: string, passphrases: readonly (string | undefined)[] = []) {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lacre-key-file-'))
  const path = join(folder.path, 'ca.key')
  await writeFile(path, text)
  const asked: number[] = []
  const found = await readKeyFile(path, async (_path, attempt) => {
    asked.push(attempt)
    return passphrases[attempt - 1]
  })
  return { found, asked }
}

test('a key without passphrase is written and read', async () => {
  assert.ok((await read(plain)).found.equals(key))
})

test('an encrypted key is read with its passphrase, and its file says that it is encrypted', async () => {
  assert.match(encrypted, /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
  assert.ok((await read(encrypted, ['right'])).found.equals(key))
})

test('two wrong passphrases may come before the right one', async () => {
  assert.deepEqual((await read(encrypted, ['wrong', '', 'right'])).asked, [1, 2, 3])
})

test('after three wrong passphrases no fourth is asked for', async () => {
  await assert.rejects(read(encrypted, ['a', 'b', 'c', 'right']), { name: 'CertificateError', message: /ca\.key is wrong$/ })
})

test('an encrypted key that nobody tells the passphrase of names the options', async () => {
  await assert.rejects(read(encrypted), { name: 'CertificateError', hint: /--passphrase-file FILE or --passphrase-env/ })
})

test('the same key is never encrypted alike twice', async () => {
  assert.notEqual(await formatKey(key, 'right'), encrypted)
})

const lines = plain.split('\n')
for (const [what, text, message] of [
  ['an empty file', '', /holds no whole private key/],
  ['a key whose end is missing', lines.slice(0, 3).join('\n'), /holds no whole private key/],
  ['a key with a line missing', [lines[0], ...lines.slice(2)].join('\n'), /is damaged/],
  ['an encrypted key with a line missing', encrypted.replace(/\n[^\n]*\n(?=-----END)/, '\n'), /is damaged/],
  ['a certificate', '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n', /holds no whole private key/],
] as const) {
  test(`${what} is refused without asking for a passphrase`, async () => {
    await assert.rejects(read(text), { name: 'CertificateError', message })
  })
}
