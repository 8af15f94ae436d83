import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { lacre, type Server, Workplace } from './support/lacre.ts'

async function setUp(): Promise<{ place: Workplace; server: Server } & AsyncDisposable> {
  const place = await Workplace.make()
  const server = await place.start(['up', 'registry.test', '--yes', '--port', '0', '--data', place.data])
  return { place, server, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
}

interface Told {
  readonly data: string
  readonly images: string
  readonly server?: { readonly url: string }
  readonly users: { readonly accounts: number }
  readonly certificate: { readonly names: readonly string[]; readonly daysLeft: number; readonly nextRenewal?: string }
  readonly authority: { readonly key: string; readonly sha256: string; readonly daysLeft: number }
}

async function statusOf(place: Workplace): Promise<Told> {
  const { status, stdout, stderr } = await lacre(['status', '--json', '--data', place.data])
  assert.deepEqual([status, stderr], [0, ''])
  return JSON.parse(stdout) as Told
}

test('lacre status tells of a server that runs: its URL, its certificate and who renews it, the CA, the users', async () => {
  await using made = await setUp()
  const told = await statusOf(made.place)
  assert.match(told.server?.url ?? '', new RegExp(`^https://.*:${await made.server.listening}$`))
  assert.deepEqual([told.data, told.images, told.users.accounts], [made.place.data, join(made.place.data, 'docker/registry/v2'), 1])
  assert.deepEqual([told.certificate.names[0], told.certificate.daysLeft], ['dns:registry.test', 89])
  assert.match(told.certificate.nextRenewal ?? '', /^\d{4}-\d\d-\d\dT/)
  assert.deepEqual([told.authority.key, told.authority.sha256.length, told.authority.daysLeft], ['online', 64, 3649])
})

test('lacre status fits into 80 columns, paths apart', async () => {
  await using made = await setUp()
  const { stdout } = await lacre(['status', '--data', made.place.data])
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80 || /^.{13}\S+$/.test(line) || line.includes(made.place.data), line)
  for (const word of ['server', 'data', 'images', 'users', 'certificate', 'authority', 'SHA-256']) assert.match(stdout, new RegExp(`^${word} `, 'm'))
})

test('lacre status tells of a folder that nobody serves, and of a CA key that is not there', async () => {
  await using made = await setUp()
  await made.server.end()
  assert.equal((await statusOf(made.place)).server, undefined)
  rmSync(join(made.place.data, 'lacre/state/pki/ca/ca.key'))
  const told = await statusOf(made.place)
  assert.deepEqual([told.authority.key, told.certificate.nextRenewal], ['offline', undefined])
  assert.match((await lacre(['status', '--data', made.place.data])).stdout, /^server +none runs[\s\S]*its key is not here$/m)
})

test('lacre status tells of the rest though one file is damaged, and warns of that', async () => {
  await using made = await setUp()
  await made.server.end()
  for (const [file, there] of [
    ['ca/ca.crt', /^certificate +\S+server\.crt$/m],
    ['server/server.crt', /^certificate +cannot be read/m],
  ] as const) {
    await writeFile(join(made.place.data, 'lacre/state/pki', file), 'junk')
    const { status, stdout } = await lacre(['status', '--data', made.place.data])
    assert.equal(status, 0)
    for (const line of [there, /^users /m, new RegExp(`^warning +\\S*${file} `, 'm')]) assert.match(stdout, line)
  }
})

test('lacre status tells of plain HTTP without users too', async () => {
  await using place = await Workplace.make()
  await place.serve()
  const { stdout } = await lacre(['status', '--data', place.data])
  assert.match(stdout, /^server +http:\/\/127\.0\.0\.1:\d+$/m)
  assert.match(stdout, /^users +no file of users: everybody may do everything$/m)
  assert.match(stdout, /^certificate +none: plain HTTP$/m)
})

test('lacre status of a folder without a registry says so', async () => {
  await using place = await Workplace.make()
  await mkdir(place.data)
  const { status, stderr } = await lacre(['status', '--data', place.data])
  assert.equal(status, 1)
  assert.match(stderr, /there is no registry in .*\nhint: name its folder/)
})

test('a server with an encrypted CA key renews with its passphrase from the environment, a file or a credential of systemd', async () => {
  await using place = await Workplace.make()
  const passphrase = 'correct horse'
  await writeFile(join(place.folder, 'lacre-pki-passphrase'), `${passphrase}\n`)
  const init = ['ca', 'init', '--data', place.data, '--passphrase-file', join(place.folder, 'lacre-pki-passphrase')]
  assert.equal((await lacre(init)).status, 0)
  const up = ['up', 'registry.test', '--yes', '--port', '0', '--data', place.data]
  for (const environment of [{ LACRE_PKI_PASSPHRASE: passphrase }, { CREDENTIALS_DIRECTORY: place.folder }]) {
    rmSync(join(place.data, 'lacre/state/pki/server'), { recursive: true, force: true })
    const server = await place.start(up, environment)
    assert.match((await statusOf(place)).certificate.nextRenewal ?? '', /^\d{4}/)
    await server.end()
  }
  const config = `lacre: {pki: {passphrasefile: ${join(place.folder, 'lacre-pki-passphrase')}}}`
  const server = await place.serve(config)
  assert.equal((await statusOf(place)).authority.key, 'encrypted')
  await server.end()
  const missing = await place.configuration('lacre: {pki: {passphrasefile: /nowhere/passphrase}}')
  const { status, stderr } = await lacre(['serve', missing])
  assert.equal(status, 1)
  assert.match(stderr, /cannot read the passphrase of the CA key: .*\nhint: .*passphrasefile/)
})

test('a renewal that fails is told of by lacre status, /readyz, /metrics and the log, while the certificate is good for months', async () => {
  await using place = await Workplace.make()
  const first = await place.start(['up', 'registry.test', '--yes', '--port', '0', '--data', place.data])
  await first.end()
  const pki = join(place.data, 'lacre/state/pki')
  await writeFile(join(pki, 'ca/ca.key'), '-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n')
  for (const name of ['crl.pem', 'crl.der']) rmSync(join(pki, name), { force: true })
  const server = await place.serve()
  await server.says(/the revocation list could not be renewed: /)
  const client = await server.client()
  const ready = await client.get('/readyz')
  assert.match(`${ready.status} ${ready.text}`, /^200 ready\nwarning: the revocation list could not be renewed: .*ca\.key.*; next try /)
  const { text } = await client.get('/metrics')
  assert.match(text, /^registry_pki_last_failure_timestamp_seconds\{what="crl"\} [1-9]/m)
  assert.match(text, /^registry_pki_renewals_total\{what="crl",outcome="failed"\} 1$/m)
  assert.match((await lacre(['status', '--data', place.data])).stdout, /^warning +the revocation list could not be renewed/m)
})
