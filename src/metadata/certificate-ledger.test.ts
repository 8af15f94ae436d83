import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { LedgerEntry } from '../pki/ledger.ts'
import { openCertificateLedger } from './certificate-ledger.ts'

class LedgerFolder implements AsyncDisposable {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  static async make(): Promise<LedgerFolder> {
    return new LedgerFolder(await mkdtemp(join(tmpdir(), 'lacre-ledger-')))
  }

  get file(): string {
    return join(this.path, 'ledger.db')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}

function entry(serial: string, names: readonly string[] = ['dns:a.test']): LedgerEntry {
  const dates = { notBefore: new Date(1000), notAfter: new Date(2000) }
  return { serial, profile: 'server', names, subject: 'CN=a.test', ...dates, fingerprint256: 'AA:BB', pem: 'PEM' }
}

test('what was entered is found by serial in any spelling, by name and by account, after a restart too', async () => {
  await using folder = await LedgerFolder.make()
  const before = openCertificateLedger(folder.file)
  await before.exclusively(async (pen) => {
    pen.add(entry('ab1f'))
    pen.add(entry('cd', ['uri:lacre:account/alice']))
    pen.revoke('AB:1F', new Date(1500), 'superseded')
  })
  before.close()
  const ledger = openCertificateLedger(folder.file)
  assert.deepEqual(ledger.find('00:AB:1F'), { ...entry('ab1f'), revokedAt: new Date(1500), reason: 'superseded' })
  assert.deepEqual(
    ledger.findByName('A.test').map(({ serial }) => serial),
    ['ab1f'],
  )
  assert.deepEqual(
    ledger.findByName('alice').map(({ serial }) => serial),
    ['cd'],
  )
  assert.deepEqual(
    ledger.list().map(({ serial }) => serial),
    ['ab1f', 'cd'],
  )
  ledger.close()
})

test('a certificate is entered once, and no other with its serial', async () => {
  await using folder = await LedgerFolder.make()
  const ledger = openCertificateLedger(folder.file)
  await ledger.exclusively(async (pen) => pen.add(entry('ab')))
  await ledger.exclusively(async (pen) => pen.add(entry('AB')))
  const other = { ...entry('ab'), fingerprint256: 'CC' }
  await assert.rejects(
    ledger.exclusively(async (pen) => pen.add(other)),
    { name: 'CertificateError', hint: /--pki/ },
  )
  assert.equal(ledger.list().length, 1)
  ledger.close()
})

test('when the work fails, nothing of it is in the ledger, and the next has its turn', async () => {
  await using folder = await LedgerFolder.make()
  const ledger = openCertificateLedger(folder.file)
  const failing = ledger.exclusively(async (pen) => {
    pen.add(entry('ab'))
    pen.nextListNumber()
    throw new Error('a full disk')
  })
  await assert.rejects(failing, /a full disk/)
  assert.equal(await ledger.exclusively(async (pen) => pen.nextListNumber()), 1)
  assert.deepEqual(ledger.list(), [])
  ledger.close()
})

test('a ledger that another holds for too long is named, with what to do', async () => {
  await using folder = await LedgerFolder.make()
  const ledger = openCertificateLedger(folder.file, 0)
  const other = new DatabaseSync(folder.file)
  other.exec('BEGIN IMMEDIATE')
  await assert.rejects(
    ledger.exclusively(async () => undefined),
    { message: new RegExp(`${folder.file} stays locked`), hint: /wait until it has ended/ },
  )
  other.exec('ROLLBACK')
  await ledger.exclusively(async (pen) => pen.add(entry('ab')))
  other.close()
  ledger.close()
})

test('two processes that write at once lose nothing and give no number twice', async () => {
  await using folder = await LedgerFolder.make()
  openCertificateLedger(folder.file).close()
  const script = `
    import { openCertificateLedger } from ${JSON.stringify(new URL('./certificate-ledger.ts', import.meta.url).href)}
    const ledger = openCertificateLedger(process.argv[1])
    for (let i = 0; i < 20; i++) await ledger.exclusively(async (pen) => { await null; console.log(pen.nextListNumber()) })`
  const children = [1, 2].map(() => spawn(process.execPath, ['--input-type=module', '--eval', script, folder.file], { stdio: ['ignore', 'pipe', 'inherit'] }))
  const texts = await Promise.all(children.map((child) => child.stdout.setEncoding('utf8').reduce((sum: string, text: string) => sum + text, '')))
  await Promise.all(children.map((child) => child.exitCode ?? once(child, 'close')))
  const numbers = texts.flatMap((text) => text.trim().split('\n').map(Number)).sort((a, b) => a - b)
  assert.deepEqual(
    numbers,
    Array.from({ length: 40 }, (_, index) => index + 1),
  )
})

test('a file that is no ledger is named', async () => {
  await using folder = await LedgerFolder.make()
  await writeFile(folder.file, 'x'.repeat(5000))
  assert.throws(() => openCertificateLedger(folder.file), { name: 'CertificateError', message: new RegExp(folder.file), hint: /backup/ })
})

test('a ledger of a later lacre is left alone', async () => {
  await using folder = await LedgerFolder.make()
  openCertificateLedger(folder.file).close()
  const database = new DatabaseSync(folder.file)
  database.exec('PRAGMA user_version=99')
  database.close()
  assert.throws(() => openCertificateLedger(folder.file), { message: /later lacre/ })
})
