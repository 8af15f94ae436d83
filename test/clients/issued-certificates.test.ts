/** A registry with a certificate of `lacre cert issue`, and docker, skopeo and curl with those that were exported for them. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { lacre, Workplace } from '../cli/support/lacre.ts'
import { type Clients, openClients } from './support/clients.ts'
import { type CommandResult, run, runOk } from './support/command.ts'
import { type DockerDaemon, startDockerDaemon } from './support/docker-daemon.ts'
import { password, startDocumented, user } from './support/documented-registry.ts'
import { addHostNames, hostName } from './support/host-names.ts'
import { freePort, type RunningServer } from './support/registry-server.ts'

let folder: string
let pki: string
let host: string
let trusted: string
let clients: Clients
let daemon: DockerDaemon
let server: RunningServer

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-issued-'))
  pki = join(folder, 'pki')
  await addHostNames()
  host = `${hostName}:${await freePort('::1')}`
  trusted = join('/etc/docker/certs.d', host)
  await ok('ca', 'init', '--pki', pki, '--no-passphrase', '--permit', 'lacre.test')
  await ok('cert', 'issue', 'server', hostName, '--pki', pki)
  await ok('cert', 'issue', 'client', user, '--pki', pki)
  await ok('cert', 'export', 'server', '--pki', pki, '--to', join(folder, 'certs'))
  clients = await openClients(join(folder, 'clients'))
  server = await startServer()
  daemon = await startDockerDaemon(join(folder, 'docker'))
})

after(async () => {
  await daemon?.stop()
  await server?.stop()
  await rm(trusted, { recursive: true, force: true })
  await rm(folder, { recursive: true, force: true })
})

async function ok(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await lacre(args)
  assert.equal(status, 0, stderr)
  return stdout
}

async function startServer(): Promise<RunningServer> {
  const ca = join(pki, 'ca/ca.crt')
  const pair = { certificate: join(folder, 'certs/server.crt'), key: join(folder, 'certs/server.key'), ca, caPem: await readFile(ca, 'utf8') }
  const client = { cert: await readFile(join(pki, `issued/${user}/client.crt`), 'utf8'), key: await readFile(join(pki, `issued/${user}/client.key`), 'utf8') }
  const endpoint = { url: `https://${host}`, ca: pair.caPem, user, password, ...client }
  return startDocumented({ dataDir: join(folder, 'data'), certificate: pair, address: host, endpoint, environment: { REGISTRY_HTTP_TLS_CLIENTCAS: `[${ca}]` } })
}

const dockerLogin = (): Promise<CommandResult> => daemon.docker(['login', '-u', user, '--password-stdin', host], password)

test('with the trust bundle alone, a server that wants client certificates lets nobody in', async () => {
  await ok('cert', 'export', 'trust', '--pki', pki, '--to', trusted)
  for (const { status, stderr } of [await dockerLogin(), await clients.login('skopeo', host, user, password)]) {
    assert.notEqual(status, 0)
    assert.match(stderr, /tls: |certificate/)
    assert.doesNotMatch(stderr, /x509/) // the server itself is believed
  }
})

test('with the docker-client bundle in certs.d, docker and skopeo log in, and curl as well', async () => {
  await ok('cert', 'export', 'docker-client', '--pki', pki, '--to', trusted, '--force')
  for (const { status, stdout, stderr } of [await dockerLogin(), await clients.login('skopeo', host, user, password)]) {
    assert.equal(status, 0, stderr)
    assert.match(stdout, /Login Succeeded/)
  }
  const own = join(pki, 'issued', user) // @NOTE curl takes what follows the colon of HOST:PORT in a path for a passphrase
  const files = ['--cacert', join(own, 'ca.crt'), '--cert', join(own, 'client.crt'), '--key', join(own, 'client.key')]
  const { status, stdout } = await clients.curl(...files, '-u', `${user}:${password}`, `https://${host}/v2/`)
  assert.deepEqual({ status, stdout }, { status: 0, stdout: '{}' })
})

test("show says that a client's certificate is no server's", async () => {
  const shown = await ok('cert', 'show', join(pki, `issued/${user}/client.crt`), '--host', hostName)
  assert.match(shown, /certificate is not valid for any names|incompatible key usage/)
})

test('show fetches the chain of a server, and its pin is the one that curl wants', async () => {
  await using place = await Workplace.make()
  const up = await place.start(['up', 'registry.test', '--yes', '--port', '0', '--data', place.data])
  const port = await up.listening
  const { certificates, pin, verdicts } = JSON.parse(await ok('cert', 'show', `127.0.0.1:${port}`, '--json'))
  assert.equal(certificates[0].subject, 'CN=registry.test')
  assert.ok(verdicts.every(({ refusal }: { refusal?: string }) => refusal === undefined))
  assert.equal(JSON.parse(await ok('cert', 'show', 'server', '--data', place.data, '--json')).pin, pin)
  const url = `https://127.0.0.1:${port}/v2/`
  assert.equal((await run('curl', ['-sk', '--pinnedpubkey', pin, url])).status, 0)
  assert.equal((await run('curl', ['-sk', '--pinnedpubkey', `sha256//${'A'.repeat(43)}=`, url])).status, 90) // CURLE_SSL_PINNEDPUBKEYNOTMATCH
})

test('one more name for the certificate of a running registry is served without a restart, and stays', { timeout: 60_000 }, async () => {
  await using place = await Workplace.make()
  const up = ['up', 'registry.test', '--yes', '--port', '0', '--data', place.data]
  const first = await place.start(up)
  await ok('cert', 'issue', 'server', '--add', 'mirror.test', '--data', place.data)
  while (!(await namesOn(await first.listening)).includes('DNS:mirror.test')) assert.equal(first.process.exitCode, null)
  await first.end()
  const second = await place.start(up)
  assert.match(await namesOn(await second.listening), /DNS:mirror\.test/)
})

async function namesOn(port: number): Promise<string> {
  const shown = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'registry.test'])
  const pem = await runOk('openssl', ['x509'], { input: shown.stdout })
  return new X509Certificate(pem).subjectAltName ?? ''
}
