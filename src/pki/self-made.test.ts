import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { CertificateFolder } from '../../test/support/certificates.ts'
import { openLedger } from '../../test/support/ledger-file.ts'
import { adoptFormerFolder } from './former-folder.ts'
import { ensureServerCertificate } from './self-made.ts'
import { loadServerCertificate } from './server-certificate.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const START = Date.UTC(2030, 0, 1)
const NAMES = ['registry.test', 'bücher.example', '192.0.2.10', '::1']

async function ensure(folder: CertificateFolder, { days = 0, names = NAMES } = {}) {
  using ledger = openLedger(join(folder.path, 'pki'))
  return await ensureServerCertificate({ directory: join(folder.path, 'pki'), ledger, names, now: () => START + days * DAY_MS })
}

async function read(path: string): Promise<X509Certificate> {
  return new X509Certificate(await readFile(path))
}

test('the server certificate carries every name by its type, for 90 days, from ten minutes ago', async () => {
  await using folder = await CertificateFolder.make()
  const made = await ensure(folder)
  const leaf = await read(made.certificatePath)
  assert.equal(leaf.subjectAltName, 'DNS:registry.test, DNS:xn--bcher-kva.example, IP Address:192.0.2.10, IP Address:0:0:0:0:0:0:0:1')
  assert.equal(leaf.validFromDate.getTime(), START - 10 * 60 * 1000)
  assert.equal(leaf.validToDate.getTime(), START + 90 * DAY_MS)
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  assert.equal(leaf.ca, false)
})

test('the CA signs the server certificate, lasts ten years and has a long random serial', async () => {
  await using folder = await CertificateFolder.make()
  const made = await ensure(folder)
  const [authority, leaf] = [await read(made.caPath), await read(made.certificatePath)]
  assert.ok(authority.ca && leaf.checkIssued(authority) && leaf.verify(authority.publicKey))
  assert.equal(authority.validToDate.getTime(), START + 3650 * DAY_MS)
  assert.match(authority.serialNumber, /^[4-7][0-9A-F]{31}$/)
  assert.notEqual(authority.serialNumber, leaf.serialNumber)
  assert.deepEqual(made.fingerprints, { ca: authority.fingerprint256, certificate: leaf.fingerprint256 })
})

test('the pin is that of the server key, in the form of curl', async () => {
  await using folder = await CertificateFolder.make()
  const made = await ensure(folder)
  const leaf = await read(made.certificatePath)
  const spki = leaf.publicKey.export({ type: 'spki', format: 'der' })
  assert.equal(made.spkiPin, `sha256//${createHash('sha256').update(spki).digest('base64')}`)
})

test('keys are 0600 in folders of 0700, and nothing half-made is left', async () => {
  await using folder = await CertificateFolder.make()
  const made = await ensure(folder)
  for (const path of [made.keyPath, made.caPath.replace(/crt$/, 'key')]) assert.equal((await stat(path)).mode & 0o777, 0o600)
  for (const name of ['pki', 'pki/ca', 'pki/server']) assert.equal((await stat(join(folder.path, name))).mode & 0o777, 0o700)
  assert.deepEqual((await readdir(join(folder.path, 'pki'), { recursive: true })).sort(), [
    'ca',
    'ca/bundle.crt',
    'ca/ca.crt',
    'ca/ca.key',
    'ledger.db',
    'server',
    'server/server.crt',
    'server/server.key',
  ])
})

test('what was made has no problems of its own', async () => {
  await using folder = await CertificateFolder.make()
  const made = await ensure(folder)
  const loaded = await loadServerCertificate({ certificate: made.certificatePath, key: made.keyPath }, () => START)
  assert.deepEqual(loaded.problems, [])
})

test('a second call with the same names in another order and spelling changes nothing', async () => {
  await using folder = await CertificateFolder.make()
  const made = await ensure(folder)
  const again = await ensure(folder, { days: 60, names: ['::1', 'REGISTRY.test', 'bücher.example', '192.0.2.10'] })
  assert.equal(made.isNew, true)
  assert.deepEqual(again, { ...made, isNew: false })
})

for (const [why, change] of [
  ['the names change', { names: ['registry.test'] }],
  ['fewer than 30 days are left', { days: 61 }],
  ['it is over', { days: 100 }],
] as const) {
  test(`the certificate is made again, with the same key and CA, when ${why}`, async () => {
    await using folder = await CertificateFolder.make()
    const made = await ensure(folder)
    const again = await ensure(folder, { ...change, names: 'names' in change ? [...change.names] : NAMES })
    assert.equal(again.isNew, true)
    assert.notEqual(again.fingerprints.certificate, made.fingerprints.certificate)
    assert.equal(again.spkiPin, made.spkiPin)
    assert.equal(again.fingerprints.ca, made.fingerprints.ca)
  })
}

test('a certificate never outlives its CA', async () => {
  await using folder = await CertificateFolder.make()
  await ensure(folder)
  const late = await ensure(folder, { days: 3600 })
  assert.equal(late.notAfter.getTime(), START + 3650 * DAY_MS)
})

for (const [name, why, change] of [
  ['ca.crt', 'is there', {}],
  ['ca.key', 'must be renewed', { days: 61 }],
] as const) {
  test(`without ${name} no new CA is made when the certificate ${why}`, async () => {
    await using folder = await CertificateFolder.make()
    const made = await ensure(folder)
    await rm(join(folder.path, 'pki/ca', name))
    await assert.rejects(ensure(folder, change), { message: new RegExp(`${name} is missing`), hint: /backup/ })
    assert.equal((await read(made.certificatePath)).fingerprint256, made.fingerprints.certificate)
  })
}

test('a CA key that is kept elsewhere is not missed while the certificate lasts', async () => {
  await using folder = await CertificateFolder.make()
  const made = await ensure(folder)
  await rm(join(folder.path, 'pki/ca/ca.key'))
  assert.equal((await ensure(folder, { days: 59 })).fingerprints.certificate, made.fingerprints.certificate)
})

test('without the whole CA folder no new CA is made', async () => {
  await using folder = await CertificateFolder.make()
  await ensure(folder)
  await rm(join(folder.path, 'pki/ca'), { recursive: true })
  await assert.rejects(ensure(folder), { message: /incomplete/ })
})

test('a CA key of another CA is refused', async () => {
  await using folder = await CertificateFolder.make()
  const made = await ensure(folder)
  const other = await folder.issue('other', { profile: 'authority', names: [] })
  await writeFile(made.caPath.replace(/crt$/, 'key'), other.keyText)
  await assert.rejects(ensure(folder, { days: 61 }), { message: /is not the key/ })
})

test('a CA that is over is refused, not replaced', async () => {
  await using folder = await CertificateFolder.make()
  await ensure(folder)
  await assert.rejects(ensure(folder, { days: 3651 }), { message: /the CA ends on/, hint: /lacre ca renew/ })
})

test('what lay in the folder tls is taken over, and goes on as it was, however often that was interrupted', async () => {
  await using folder = await CertificateFolder.make()
  const made = await ensure(folder)
  await mkdir(join(folder.path, 'tls'))
  await rename(join(folder.path, 'pki/ca'), join(folder.path, 'tls/ca')) // the server's folder has moved already
  await adoptFormerFolder(join(folder.path, 'pki'))
  await adoptFormerFolder(join(folder.path, 'pki'))
  assert.deepEqual(await ensure(folder), { ...made, isNew: false })
  assert.equal(await realpath(join(folder.path, 'tls/ca')), await realpath(join(folder.path, 'pki/ca')))
})

test('no names are refused', async () => {
  await using folder = await CertificateFolder.make()
  await assert.rejects(ensure(folder, { names: [] }), { name: 'CertificateError' })
})
