import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { CertificateFolder } from '../support/certificates.ts'
import { type Server, Workplace } from './support/lacre.ts'

const NOBODY = {
  REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS: '[registry.example.com]',
  REGISTRY_HTTP_TLS_LETSENCRYPT_DIRECTORYURL: 'https://127.0.0.1:1/directory', // where nobody listens
}

async function start(place: Workplace, environment: Readonly<Record<string, string>> = {}): Promise<Server> {
  return place.start(['serve', await place.configuration()], { ...NOBODY, ...environment })
}

async function shown(server: Server): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port: await server.listening, servername: 'registry.example.com', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const names = socket.getPeerX509Certificate()?.subjectAltName
  socket.destroy()
  return names
}

test('without an ACME server HTTPS is served all the same, and the log says what is missing, also after a restart', async () => {
  await using place = await Workplace.make()
  const first = await start(place)
  await first.says(/cannot reach the ACME server 127\.0\.0\.1:1: connect ECONNREFUSED.*remedy=.*retryAt=/)
  assert.match(first.output, /a certificate that nobody signed is served until/)
  assert.equal(await shown(first), 'DNS:registry.example.com')
  assert.equal(await first.end(), 0)

  const second = await start(place)
  await second.says(/no certificate could be had for registry\.example\.com: cannot reach .*remedy=.*remove .*schedule\.json and start again/)
  assert.equal(await second.end(), 0)
  assert.doesNotMatch(second.output, /retryAt=/)
})

test('what is removed as the log says is tried again at once', async () => {
  await using place = await Workplace.make()
  const first = await start(place)
  await first.says(/retryAt=/)
  assert.equal(await first.end(), 0)
  const folder = join(place.data, 'lacre/state/acme/127.0.0.1_1_directory')
  assert.deepEqual(readdirSync(folder).sort(), ['account.key', 'certificate.pem', 'schedule.json'])
  assert.equal(JSON.parse(readFileSync(join(folder, 'schedule.json'), 'utf8')).failures, 1)
  writeFileSync(join(folder, 'schedule.json'), '')
  const second = await start(place)
  await second.says(/retryAt=/)
  assert.equal(await second.end(), 0)
})

test('the certificate that registry:3 has kept is served until there is one of ours', async () => {
  await using place = await Workplace.make()
  await using certificates = await CertificateFolder.make()
  const issuer = await certificates.issue('authority', { profile: 'authority', names: [] })
  const { cert, keyText } = await certificates.issue('kept', { issuer, names: ['registry.example.com', 'kept.example.com'] })
  const cache = join(place.folder, 'cache')
  mkdirSync(cache)
  const key = createPrivateKey(keyText).export({ type: 'sec1', format: 'pem' })
  writeFileSync(join(cache, 'registry.example.com'), key + cert + issuer.cert)
  const server = await start(place, { REGISTRY_HTTP_TLS_LETSENCRYPT_CACHEFILE: cache })
  assert.equal(await shown(server), 'DNS:registry.example.com, DNS:kept.example.com')
  assert.equal(await server.end(), 0)
  assert.doesNotMatch(server.output, /nobody signed|cannot reach the ACME server.*retryAt/)
})

test("the file that registry:2 kept is left alone, and registry:3's folder is used", async () => {
  await using place = await Workplace.make()
  const [file, folder] = [join(place.folder, 'le-file'), join(place.folder, 'le-folder')]
  writeFileSync(file, '{}')
  const old = await start(place, { REGISTRY_HTTP_TLS_LETSENCRYPT_CACHEFILE: file })
  await old.says(/le-file is a file, as registry:2 kept it, and is not used/)
  assert.equal(await old.end(), 0)
  assert.equal(readFileSync(file, 'utf8'), '{}')
  const current = await start(place, { REGISTRY_HTTP_TLS_LETSENCRYPT_CACHEFILE: folder })
  assert.equal(await current.end(), 0)
  assert.deepEqual(readdirSync(folder), ['127.0.0.1_1_directory'])
})
