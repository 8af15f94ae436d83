import assert from 'node:assert/strict'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { AuthorityFolder, DAY_MS } from '../../test/support/authority-folder.ts'
import { CertificateFolder } from '../../test/support/certificates.ts'
import { openLedger } from '../../test/support/ledger-file.ts'
import { openAuthority } from './authority.ts'
import { makeRequest, parseRequest } from './certificate-request.ts'
import { parseSubject } from './distinguished-name.ts'
import { keyKinds, makeKey } from './key-kind.ts'
import { constraintsFor, parsePermits } from './name-constraints.ts'
import { parseCertificateNames } from './names.ts'
import { parseRevokedCertificates } from './revoked-certificates.ts'

test('a CA is made once: a second is refused, and the first stays as it is', async () => {
  await using folder = await AuthorityFolder.make()
  const made = await folder.create()
  await assert.rejects(folder.create({ name: 'other' }), { name: 'CertificateError', hint: /--force/ })
  assert.equal((await folder.open()).certificate.fingerprint256, made.certificate.fingerprint256)
})

test('of two that make a CA at once, one does and one is refused', async () => {
  await using folder = await AuthorityFolder.make()
  const results = await Promise.allSettled([folder.create(), folder.create()])
  assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('a CA that is replaced is kept beside, with its key', async () => {
  await using folder = await AuthorityFolder.make()
  const old = await folder.create()
  await folder.create({ name: 'other', replace: true })
  const [backup = ''] = (await readdir(folder.options.directory)).filter((name) => name.startsWith('ca.backup-'))
  const kept = new X509Certificate(await readFile(join(folder.options.directory, backup, 'ca.crt')))
  assert.equal(kept.fingerprint256, old.certificate.fingerprint256)
  assert.equal((await stat(join(folder.options.directory, backup, 'ca.key'))).mode & 0o777, 0o600)
})

test('a leaf that would outlive its CA ends with it, and the caller is told', async () => {
  await using folder = await AuthorityFolder.make()
  const { certificate } = await folder.create({ days: 30 })
  const { certificate: leaf, warnings } = await folder.issue(['registry.test'])
  assert.equal(leaf.validTo, certificate.validTo)
  assert.match(warnings.join(), /ends with its CA.*lacre ca renew/)
})

test('a name outside the constraints is refused before anything is signed', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create({ permit: parsePermits(['intranet', '10.0.0.0/8']) })
  for (const name of ['registry.example.com', '192.168.1.1', 'intranet.example.com']) {
    await assert.rejects(folder.issue(['registry.intranet', name]), { message: new RegExp(`may not vouch for ${name}`), hint: /lacre ca rotate prepare/ })
  }
  assert.equal(folder.ledger.list().length, 1)
  const { warnings } = await folder.issue(['registry.intranet', '*.registry.intranet', '10.1.2.3', 'localhost', '::1'])
  assert.deepEqual(warnings, [])
})

test('a CA that is over signs nothing, and the hint says how to make it last', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create({ days: 10 })
  folder.passDays(11)
  await assert.rejects(folder.issue(['registry.test']), { message: /the CA ends on/, hint: /lacre ca renew/ })
})

test('a CA whose certificate does not say keyCertSign signs nothing', async () => {
  await using folder = await AuthorityFolder.make()
  await using foreign = await CertificateFolder.make()
  await folder.create()
  const leaf = await foreign.issue('leaf')
  await writeFile(folder.paths.certificate, leaf.cert)
  await writeFile(folder.paths.key, leaf.keyText)
  await assert.rejects(folder.issue(['registry.test']), { message: /keyCertSign/ })
})

test('without names nothing is signed', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  await assert.rejects(folder.issue([]), { message: /needs a name/ })
})

test('500 names fit, and 501 are 501', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  const { certificate } = await folder.issue(Array.from({ length: 500 }, (_, index) => `host-${index}.intranet`))
  assert.equal(certificate.subjectAltName?.split(', ').length, 500)
})

test('a first name longer than a CN gives way to the next, and the caller is told', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  const long = `${'a'.repeat(60)}.${'b'.repeat(20)}.intranet`
  const { certificate, warnings } = await folder.issue([long, 'short.intranet'])
  assert.equal(certificate.subject, 'CN=short.intranet')
  assert.match(certificate.subjectAltName ?? '', new RegExp(`^DNS:${long}, `))
  assert.match(warnings.join(), /longer than the 64 characters/)
})

test('a subject stands before the CN', async () => {
  await using folder = await AuthorityFolder.make()
  const { certificate } = await folder.create({ subject: parseSubject('C=FR,O=SINGLETON,OU=R&D') })
  assert.equal(certificate.subject, 'C=FR\nO=SINGLETON\nOU=R&D\nCN=test CA')
  const { certificate: leaf } = await folder.issue(['registry.intranet'], { subject: parseSubject('/C=FR/O=Éditions') })
  assert.equal(leaf.subject, 'C=FR\nO=Éditions\nCN=registry.intranet')
  assert.equal(leaf.issuer, certificate.subject)
})

test('an account stands in a client certificate as URI and CN', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  const { certificate } = await folder.issue([], { profile: 'client', account: 'alice' })
  assert.deepEqual([certificate.subject, certificate.subjectAltName], ['CN=alice', 'URI:lacre:account/alice'])
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2'])
})

test('every kind of key signs, and is certified, with keyEncipherment for RSA alone', async () => {
  for (const kind of keyKinds) {
    await using folder = await AuthorityFolder.make()
    const { certificate } = await folder.create({ kind })
    const { certificate: leaf } = await folder.issue(['registry.test'], { kind: kind === 'ed25519' ? 'ec:p256' : kind })
    assert.ok(leaf.verify(certificate.publicKey) && leaf.checkIssued(certificate), kind)
  }
})

test('a request gets its names and subject, and nothing else that it asks for', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  const authority = await folder.open()
  const text = makeRequest(await makeKey('ec:p256'), { subject: parseSubject('CN=x,O=Y'), names: parseCertificateNames(['registry.test', '192.0.2.1']) })
  const { certificate } = await authority.sign(parseRequest(Buffer.from(text), 'x.csr'), 'client', 10)
  assert.deepEqual([certificate.subject, certificate.subjectAltName], ['CN=x\nO=Y', 'DNS:registry.test, IP Address:192.0.2.1'])
  assert.equal(certificate.validToDate.getTime(), folder.now + 10 * DAY_MS)
  assert.equal(certificate.ca, false)
})

test('revoked by serial or by name, a certificate is on the next list until it is over', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  const [first, second, other] = [await folder.issue(['a.test']), await folder.issue(['a.test', 'b.test']), await folder.issue(['c.test'])]
  const authority = await folder.open()
  assert.deepEqual(
    (await authority.revoke('a.test', 'superseded')).map(({ serial }) => serial),
    [first.entry.serial, second.entry.serial],
  )
  await authority.revoke(other.certificate.serialNumber, 'keyCompromise')
  const readList = async (path: string) => parseRevokedCertificates(await readFile(path), path)[0]?.serials
  const listed = await readList(folder.paths.listPem)
  assert.deepEqual(listed, new Set([first, second, other].map(({ certificate }) => certificate.serialNumber)))
  assert.deepEqual(await readList(folder.paths.listDer), listed)
  folder.passDays(92)
  assert.equal((await authority.renewCrl()).size, 0)
})

for (const [why, which, message] of [
  ['revoked already', 'a.test', /was revoked/],
  ['of no certificate', 'nowhere.test', /no certificate in use/],
] as const) {
  test(`revoking a name ${why} is refused`, async () => {
    await using folder = await AuthorityFolder.make()
    await folder.create()
    const { entry } = await folder.issue(['a.test'])
    const authority = await folder.open()
    await authority.revoke('a.test', 'unspecified')
    await assert.rejects(authority.revoke(which === 'a.test' ? entry.serial : which, 'unspecified'), { name: 'CertificateError', message })
  })
}

test('a name that a server and an account have in common revokes neither before one is meant', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  const { entry } = await folder.issue([], { profile: 'client', account: 'carl' })
  await folder.issue(['carl'])
  const authority = await folder.open()
  await assert.rejects(authority.revoke('carl', 'unspecified'), { name: 'CertificateError', hint: /--profile/ })
  assert.deepEqual(
    (await authority.revoke('carl', 'unspecified', 'client')).map(({ serial }) => serial),
    [entry.serial],
  )
})

test('lists are numbered upwards, also by two who write at once', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  const [one, other] = [await folder.open(), await folder.open()]
  const lists = await Promise.all([one.renewCrl(), other.renewCrl(), one.renewCrl()])
  assert.deepEqual(lists.map(({ number }) => number).sort(), [1, 2, 3])
})

test('a list takes back nothing of the one before, though the ledger was lost or is from a backup', async () => {
  for (const backup of [[], ['a.test']]) {
    await using folder = await AuthorityFolder.make()
    await folder.create()
    const { entry } = await folder.issue(['a.test'])
    await (await folder.open()).revoke('a.test', 'keyCompromise')
    await (await folder.open()).renewCrl()
    using ledger = openLedger(join(folder.root, 'other'))
    await ledger.exclusively(async (pen) => void backup.map(() => pen.add(entry)))
    const { number, size } = await (await openAuthority({ ...folder.options, ledger })).renewCrl()
    assert.deepEqual([number, size, ledger.find(entry.serial)?.reason], [3, 1, 'keyCompromise'])
  }
})

test('where the CA has a revocation list and its ledger is gone, none is begun in silence', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  await (await folder.open()).renewCrl()
  await rename(folder.paths.ledger, `${folder.paths.ledger}.lost`)
  assert.throws(() => openLedger(folder.options.directory), { name: 'CertificateError', message: /is gone/, hint: /backup/ })
  await writeFile(folder.paths.ledger, '')
  using ledger = openLedger(folder.options.directory)
  assert.deepEqual(ledger.list(), [])
})

test('the CA key is not looked at until something must be signed', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  await rm(folder.paths.key)
  const authority = await folder.open()
  assert.equal(authority.list().length, 1)
  await assert.rejects(folder.issue(['a.test']), { message: /ca\.key is missing/ })
})

test('an encrypted CA key is asked for once, and what cannot be signed is in no ledger', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create({ passphrase: 'correct horse' })
  const authority = await folder.open()
  const publicKey = createPublicKey(await makeKey('ec:p256'))
  await assert.rejects(authority.issue({ profile: 'server', names: parseCertificateNames(['a.test']), publicKey }), { message: /passphrase/ })
  assert.equal(folder.ledger.list().length, 1)
})

test('names of their own private domain and networks limit the CA; a public one does not', () => {
  assert.deepEqual(constraintsFor(parseCertificateNames(['registry.intranet', 'registry', '192.168.1.7']))?.domains, ['intranet', 'registry', 'localhost'])
  assert.equal(constraintsFor(parseCertificateNames(['registry.intranet', 'registry.example.com'])), undefined)
  assert.equal(constraintsFor(parseCertificateNames(['registry.intranet', '203.0.113.7'])), undefined)
})
