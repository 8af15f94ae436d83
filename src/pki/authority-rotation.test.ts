import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { AuthorityFolder, DAY_MS } from '../../test/support/authority-folder.ts'
import { openLedger } from '../../test/support/ledger-file.ts'
import { finishRotation, prepareRotation, renewAuthority, rotationStatus, switchAuthority } from './authority-rotation.ts'
import { ensureServerCertificate } from './self-made.ts'

/** Whether a client that trusts these roots alone accepts the certificate, by a real handshake and by the dates at that time. */
async function isAccepted(folder: AuthorityFolder, trusted: string): Promise<boolean> {
  const { certificatePath, keyPath } = await ensure(folder)
  const [cert, key] = [await readFile(certificatePath), await readFile(keyPath)]
  const leaf = new X509Certificate(cert)
  const issuers = trusted
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((pem) => pem !== '')
    .map((pem) => new X509Certificate(pem))
  const issuer = issuers.find((root) => leaf.checkIssued(root) && leaf.verify(root.publicKey))
  const isInTime = [leaf, issuer].every((each) => each && each.validFromDate.getTime() <= folder.now && folder.now < each.validToDate.getTime())
  return isInTime && (await handshake({ cert, key }, trusted))
}

/** The real clock is before all of these certificates, so that they are judged by all but their dates. */
async function handshake(pair: { cert: Buffer; key: Buffer }, ca: string): Promise<boolean> {
  const server = createServer(pair, (socket) => socket.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket: TLSSocket = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    servername: 'registry.test',
    ca,
    rejectUnauthorized: false,
  })
  await once(socket, 'secureConnect')
  const error = String(socket.authorizationError ?? 'none')
  socket.destroy()
  server.close()
  return ['none', 'CERT_NOT_YET_VALID'].includes(error)
}

function ensure(folder: AuthorityFolder) {
  return ensureServerCertificate({ ...folder.options, names: ['registry.test'] })
}

async function bundle(folder: AuthorityFolder): Promise<string> {
  return readFile(folder.paths.bundle, 'utf8')
}

test('in ten years of renewals and a rotation, a client that trusts what was given to it is never refused', async () => {
  await using folder = await AuthorityFolder.make()
  await ensure(folder)
  const first = await bundle(folder)
  let trusted = first
  const certificates = new Set<string>()
  const steps: Readonly<Record<number, () => Promise<unknown>>> = {
    1500: () => renewAuthority(folder.options),
    2400: () => prepareRotation({ ...folder.options, permit: undefined }),
    2460: async () => (trusted = await bundle(folder)), // the client gets the new bundle only now
    2490: () => switchAuthority(folder.options),
    2580: () => finishRotation(folder.options),
    2700: async () => (trusted = await bundle(folder)),
  }
  for (let day = 0; day < 3650; day += 30) {
    await steps[day]?.()
    assert.ok(await isAccepted(folder, trusted), `day ${day}`)
    certificates.add((await ensure(folder)).fingerprints.certificate)
    folder.passDays(30)
  }
  assert.equal(await isAccepted(folder, first), false, 'a client that never got the new bundle')
  assert.ok(certificates.size >= 40, `${certificates.size} certificates in ten years`)
})

test('a rotation names what still uses the old CA, and does not finish before it is gone', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  const { entry } = await folder.issue(['old.test'])
  await prepareRotation({ ...folder.options, permit: undefined })
  assert.deepEqual(
    (await rotationStatus(folder.options)).inUse.map(({ serial }) => serial),
    [entry.serial],
  )
  await switchAuthority(folder.options)
  await folder.issue(['new.test'])
  await assert.rejects(finishRotation(folder.options), { message: /still in use from the old CA: CN=old\.test$/, hint: /--force/ })
  await (await folder.open()).revoke('old.test', 'superseded')
  assert.equal((await finishRotation(folder.options)).phase, 'none')
  assert.equal((await bundle(folder)).split('BEGIN CERTIFICATE').length - 1, 1)
})

test('what was renewed by the new CA for the same key uses the old one no more', async () => {
  await using folder = await AuthorityFolder.make()
  await ensure(folder)
  await folder.issue([], { profile: 'client', account: 'alice' })
  await prepareRotation({ ...folder.options, permit: undefined })
  await switchAuthority(folder.options)
  await ensure(folder)
  await folder.issue([], { profile: 'client', account: 'alice' }) // for another key: the first may be in use on another machine
  const { inUse } = await rotationStatus(folder.options)
  assert.deepEqual(
    inUse.map(({ subject }) => subject),
    ['CN=alice'],
  )
})

test('between switch and finish, the list of each CA is in the file, and revokes what the old one signed', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  await folder.issue(['old.test'])
  await prepareRotation({ ...folder.options, permit: undefined })
  await switchAuthority(folder.options)
  await (await folder.open()).revoke('old.test', 'superseded')
  assert.equal((await readFile(folder.paths.listPem, 'utf8')).split('BEGIN X509 CRL').length - 1, 2)
})

test('the successor has a name of its own, and clients trust both in one bundle', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create({ name: 'intranet 2030' })
  const { current, other } = await prepareRotation({ ...folder.options, permit: undefined })
  assert.deepEqual([current.subject, other?.subject], ['CN=intranet 2030', 'CN=intranet 2030 (2)'])
  assert.equal(await bundle(folder), `${current}${other}`)
})

for (const [what, work] of [
  ['a second successor', (folder: AuthorityFolder) => prepareRotation({ ...folder.options, permit: undefined })],
  ['finishing', (folder: AuthorityFolder) => finishRotation(folder.options)],
] as const) {
  test(`before the switch, ${what} is refused`, async () => {
    await using folder = await AuthorityFolder.make()
    await folder.create()
    await prepareRotation({ ...folder.options, permit: undefined })
    await assert.rejects(work(folder), { name: 'CertificateError', hint: /lacre ca rotate/ })
  })
}

test('preparing that was interrupted before the bundle is told of, not switched over, and can be run again', async () => {
  await using folder = await AuthorityFolder.make()
  const { certificate } = await folder.create()
  const { other } = await prepareRotation({ ...folder.options, permit: undefined })
  await writeFile(folder.paths.bundle, certificate.toString())
  assert.equal((await rotationStatus(folder.options)).phase, 'preparing')
  await assert.rejects(switchAuthority(folder.options), { message: /lacks the successor/, hint: /rotate prepare/ })
  const again = await prepareRotation({ ...folder.options, permit: undefined })
  assert.deepEqual([again.phase, await bundle(folder)], ['prepared', `${certificate}${other}`])
})

test('what was issued again for the same key, maybe with a name more, counts once', async () => {
  await using folder = await AuthorityFolder.make()
  await ensure(folder)
  await ensureServerCertificate({ ...folder.options, names: ['registry.test', 'mirror.test'] })
  const { inUse } = await prepareRotation({ ...folder.options, permit: undefined })
  assert.deepEqual(
    inUse.map(({ names }) => names),
    [['dns:registry.test', 'dns:mirror.test']],
  )
})

test('a ledger that was begun anew does not let the old CA go unasked', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  await prepareRotation({ ...folder.options, permit: undefined })
  await switchAuthority(folder.options)
  using ledger = openLedger(join(folder.root, 'anew'))
  await assert.rejects(finishRotation({ ...folder.options, ledger }), { name: 'CertificateError', hint: /--force/ })
  assert.equal((await finishRotation({ ...folder.options, ledger, force: true })).phase, 'none')
})

test('switching without a successor is refused', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  await assert.rejects(switchAuthority(folder.options), { hint: /prepare/ })
})

test('a switch that was interrupted between its two files can be run again', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  const { other: successor } = await prepareRotation({ ...folder.options, permit: undefined })
  const oldCertificate = await readFile(folder.paths.certificate, 'utf8')
  const newKey = await readFile(folder.paths.next.key, 'utf8')
  const next = { 'ca.crt': await readFile(folder.paths.next.certificate), 'ca.key': await readFile(folder.paths.next.key) }
  await switchAuthority(folder.options)
  await mkdir(folder.paths.next.folder)
  for (const [name, content] of Object.entries(next)) await writeFile(`${folder.paths.next.folder}/${name}`, content)
  await writeFile(folder.paths.certificate, oldCertificate)
  await writeFile(folder.paths.key, newKey)

  await assert.rejects(folder.issue(['a.test']), { message: /is not the key/, hint: /rotate switch/ })
  const again = await switchAuthority(folder.options)
  assert.deepEqual([again.phase, again.current.fingerprint256], ['switched', successor?.fingerprint256])
  await folder.issue(['a.test'])
})

test('a renewed CA has the same key, name and key identifier, and what it signed before stays valid', async () => {
  await using folder = await AuthorityFolder.make()
  const { certificate: old } = await folder.create()
  const { certificate: leaf } = await folder.issue(['a.test'])
  folder.passDays(3000)
  const renewed = await renewAuthority({ ...folder.options, days: 4000 })
  assert.ok(leaf.checkIssued(renewed) && leaf.verify(renewed.publicKey))
  assert.equal(renewed.subject, old.subject)
  assert.notEqual(renewed.serialNumber, old.serialNumber)
  assert.equal(renewed.validToDate.getTime(), folder.now + 4000 * DAY_MS)
  assert.equal(await bundle(folder), renewed.toString())
})

test('without the CA key nothing is renewed, and the old files stay', async () => {
  await using folder = await AuthorityFolder.make()
  const { certificate } = await folder.create()
  await rm(folder.paths.key)
  await assert.rejects(renewAuthority(folder.options), { message: /ca\.key is missing/ })
  assert.equal(await readFile(folder.paths.certificate, 'utf8'), certificate.toString())
})
