import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { applyChanges } from './apply-plan.ts'
import { findChanges } from './changes.ts'
import { type CertificatePlan, type DockerFolder, planClient, planRenewal, planServer } from './docker-certificates.ts'
import { planContext, planInstallation } from './docker-client.ts'
import { readPair } from './docker-pair.ts'

const NOW = Date.UTC(2026, 0, 1)
const DAY_MS = 86_400_000
const kind = 'ec:p256' as const

/** A folder of certificates, whose plans are carried out. */
class Place implements AsyncDisposable {
  readonly folder: string
  passphrase: string | undefined

  constructor(folder: string) {
    this.folder = folder
  }

  static async make(): Promise<Place> {
    return new Place(await mkdtemp(join(tmpdir(), 'lacre-docker-tls-')))
  }

  on(day = 0): DockerFolder {
    const askPassphrase = async (_path: string, attempt: number) => (attempt === 1 ? this.passphrase : undefined)
    return { directory: join(this.folder, 'docker-ca'), days: 365, now: NOW + day * DAY_MS, askPassphrase }
  }

  async apply(plan: CertificatePlan): Promise<string[]> {
    await applyChanges(await findChanges(plan.steps), { journal: join(this.folder, 'journal'), title: 'test' })
    return plan.certificates.filter(({ isNew }) => isNew).map(({ name }) => name)
  }

  async init(names: readonly string[] = ['docker.intranet'], { day = 0, isForced = false } = {}): Promise<string[]> {
    return await this.apply(await planServer(this.on(day), { names, kind, isForced, obtainPassphrase: async () => this.passphrase }))
  }

  async client(name = 'client', { day = 0, isForced = false } = {}): Promise<string[]> {
    return await this.apply(await planClient(this.on(day), name, { kind, isForced }))
  }

  read(name: string): Promise<string> {
    return readFile(join(this.folder, 'docker-ca', name), 'utf8')
  }

  async certificate(name: string): Promise<X509Certificate> {
    return new X509Certificate(await this.read(name))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true, force: true })
  }
}

test('localhost and 127.0.0.1 are always among the names, once', async () => {
  await using place = await Place.make()
  await place.init(['docker.intranet', '192.168.1.20,10.0.0.1', 'localhost'])
  const { subjectAltName } = await place.certificate('server-cert.pem')
  assert.equal(subjectAltName, 'DNS:docker.intranet, IP Address:192.168.1.20, IP Address:10.0.0.1, DNS:localhost, IP Address:127.0.0.1')
})

test('the client certificate names its client, and is for clients alone', async () => {
  await using place = await Place.make()
  await place.init()
  await place.client('alice')
  const { subject, keyUsage, ca } = await place.certificate('alice-cert.pem')
  assert.deepEqual([subject, keyUsage, ca], ['CN=alice', ['1.3.6.1.5.5.7.3.2'], false])
})

test('what is there stays: a second time nothing is made', async () => {
  await using place = await Place.make()
  assert.deepEqual([await place.init(), await place.client()], [['ca', 'server'], ['client']])
  assert.deepEqual([await place.init(), await place.client()], [[], []])
})

test('other names give another certificate, with the key and the CA that are there', async () => {
  await using place = await Place.make()
  await place.init()
  const [ca, key] = [await place.read('ca.pem'), await place.read('server-key.pem')]
  assert.deepEqual(await place.init(['docker.intranet', '10.0.0.1']), ['server'])
  assert.deepEqual([await place.read('ca.pem'), await place.read('server-key.pem')], [ca, key])
})

test('--force makes all anew', async () => {
  await using place = await Place.make()
  await place.init()
  await place.client()
  const before = await place.read('ca-key.pem')
  assert.deepEqual(await place.init(undefined, { isForced: true }), ['ca', 'server'])
  assert.notEqual(await place.read('ca-key.pem'), before)
  await assert.rejects(place.client(), { message: /client-cert\.pem was not signed by/, hint: /lacre docker-tls client client --force/ })
  assert.deepEqual(await place.client('client', { isForced: true }), ['client'])
})

test('an encrypted CA key needs its passphrase; the keys that docker loads have none', async () => {
  await using place = await Place.make()
  place.passphrase = 'secret'
  await place.init()
  await place.client()
  assert.match(await place.read('ca-key.pem'), /BEGIN ENCRYPTED PRIVATE KEY/)
  for (const name of ['server-key.pem', 'client-key.pem']) assert.match(await place.read(name), /BEGIN PRIVATE KEY/)
  place.passphrase = 'wrong'
  await assert.rejects(place.client('alice'), { message: /passphrase for .*ca-key\.pem is wrong/ })
})

test('nothing is signed when the CA key is kept elsewhere, which the message says', async () => {
  await using place = await Place.make()
  await place.init()
  await place.client()
  await rm(join(place.folder, 'docker-ca/ca-key.pem'))
  await assert.rejects(place.client('alice'), { message: /there is no .*ca-key\.pem/, hint: /bring it back/ })
  assert.deepEqual(await place.client(), [])
})

for (const name of ['ca', 'server', '', '../x', 'a b', '.x', 'x'.repeat(65)]) {
  test(`${JSON.stringify(name)} is no name for a client`, async () => {
    await using place = await Place.make()
    await place.init()
    await assert.rejects(place.client(name), { name: 'CertificateError' })
  })
}

test('a certificate is renewed after two thirds of its life, with its key, names and subject', async () => {
  await using place = await Place.make()
  await place.init()
  await place.client()
  const before = await place.certificate('client-cert.pem')
  assert.deepEqual(await place.apply(await planRenewal(place.on(243), false)), [])
  assert.deepEqual(await place.apply(await planRenewal(place.on(244), false)), ['client', 'server'])
  const after = await place.certificate('client-cert.pem')
  assert.ok(after.publicKey.equals(before.publicKey) && after.validToDate > before.validToDate)
  assert.deepEqual([after.subject, after.subjectAltName, after.keyUsage], [before.subject, before.subjectAltName, before.keyUsage])
})

test('thirty years of yearly renewals never break a chain, for who has the CA certificate of up to six years before', async () => {
  await using place = await Place.make()
  await place.init()
  await place.client()
  const authorities = [{ day: 0, ca: await place.certificate('ca.pem') }]
  for (let day = 300; day < 30 * 365; day += 300) {
    const renewed = await place.apply(await planRenewal(place.on(day), false))
    assert.deepEqual([renewed.includes('server'), renewed.includes('client')], [true, true])
    if (renewed.includes('ca')) authorities.push({ day, ca: await place.certificate('ca.pem') })
    await readPair(place.on().directory, 'client', 'client', NOW + day * DAY_MS)
    const leaf = await place.certificate('server-cert.pem')
    assert.ok(leaf.validToDate.getTime() > NOW + (day + 364) * DAY_MS)
    const recent = authorities.filter((authority) => day - authority.day < 6 * 365)
    for (const { ca } of recent) assert.ok(leaf.verify(ca.publicKey) && leaf.checkIssued(ca))
  }
  assert.ok(authorities.length >= 4)
})

test('a certificate that another CA has signed is left alone', async () => {
  await using place = await Place.make()
  await using other = await Place.make()
  for (const each of [place, other]) await each.init()
  await other.client('guest')
  const guest = await other.read('guest-cert.pem')
  await writeFile(join(place.folder, 'docker-ca/guest-cert.pem'), guest)
  assert.deepEqual(await place.apply(await planRenewal(place.on(), true)), ['server'])
  assert.equal(await place.read('guest-cert.pem'), guest)
})

test('what is over is not given to docker', async () => {
  await using place = await Place.make()
  await place.init()
  await place.client()
  await assert.rejects(readPair(place.on().directory, 'client', 'client', NOW + 366 * DAY_MS), { message: /ended on/, hint: /lacre docker-tls renew/ })
})

test("the server's certificate is not taken for a client's", async () => {
  await using place = await Place.make()
  await place.init()
  await assert.rejects(readPair(place.on().directory, 'server', 'client', NOW), { message: /lacks clientAuth/ })
})

test('a truncated file is named', async () => {
  await using place = await Place.make()
  await place.init()
  await place.client()
  const path = join(place.folder, 'docker-ca/client-key.pem')
  await rm(path)
  await writeFile(path, '-----BEGIN PRIVATE KEY-----\nMIGH\n')
  await assert.rejects(place.client(), { message: /client-key\.pem holds no private key/ })
})

for (const [host, at] of [
  [undefined, 'docker.intranet:2376'],
  ['10.0.0.1', '10.0.0.1:2376'],
  ['10.0.0.1:1234', '10.0.0.1:1234'],
  ['2001:db8::1', '[2001:db8::1]:2376'],
  ['[2001:db8::1]:1', '[2001:db8::1]:1'],
] as const) {
  test(`the context of ${host ?? 'no host'} goes to ${at}`, async () => {
    await using place = await Place.make()
    await place.init()
    const { words } = await planContext(place.on().directory, 'client', 'prod', host)
    assert.match(words.at(-1) ?? '', new RegExp(`^host=tcp://${at.replaceAll(/[[\]]/g, '\\$&')},ca=`))
  })
}

test('without a host of its own the context has no address', async () => {
  await using place = await Place.make()
  await place.init(['127.0.0.1'])
  await assert.rejects(planContext(place.on().directory, 'client', 'prod', undefined), { hint: /--host NAME/ })
})

test('what is installed is what was just made', async () => {
  await using place = await Place.make()
  await place.init()
  const made = await planClient(place.on(), 'alice', { kind, isForced: false })
  const steps = await planInstallation(place.on().directory, 'alice', made.steps, '/home/alice/.docker')
  assert.deepEqual(
    steps.map((step) => ('path' in step ? step.path.replace('/home/alice/.docker', '~') : '')),
    ['~', '~/ca.pem', '~/cert.pem', '~/key.pem'],
  )
})
