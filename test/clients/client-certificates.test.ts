import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Authority, type Certificate, makeAuthority, makeClientCertificate, makeSignedCertificate } from './support/certificates.ts'
import { type Clients, openClients, trust } from './support/clients.ts'
import type { CommandResult } from './support/command.ts'
import { type Containerd, startContainerd } from './support/containerd.ts'
import { type DockerDaemon, startDockerDaemon } from './support/docker-daemon.ts'
import { password, startDocumented, user } from './support/documented-registry.ts'
import { addHostNames, hostName } from './support/host-names.ts'
import { type Images, makeImages } from './support/images.ts'
import { freePort, type RunningServer } from './support/registry-server.ts'

/** `http.tls.clientcas` with `ca.crt`, `client.cert` and `client.key` in certs.d: docker, skopeo, podman, containerd and curl. */
const NO_CERTIFICATE = /tls: (bad certificate|certificate required|unknown certificate authority)/

let folder: string
let host: string
let images: Images
let clients: Clients
let daemon: DockerDaemon
let containerd: Containerd
let server: RunningServer
let certificate: Certificate
let alice: Certificate
let mallory: Certificate

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-mutual-'))
  await addHostNames()
  images = await makeImages(join(folder, 'images'))
  clients = await openClients(join(folder, 'clients'))
  certificate = await makeSignedCertificate(join(folder, 'certs'), [hostName])
  const authority: Authority = { folder: join(folder, 'certs'), certificate: certificate.ca, key: join(folder, 'certs/ca.key') }
  alice = await makeClientCertificate(authority, 'alice')
  mallory = await makeClientCertificate(await makeAuthority(join(folder, 'rogue'), 'rogue'), 'mallory')
  server = await startServer()
  daemon = await startDockerDaemon(join(folder, 'docker'))
  containerd = await startContainerd(join(folder, 'containerd'))
  assert.equal((await daemon.docker(['load', '-i', images.dockerArchive])).status, 0)
})

after(async () => {
  await containerd?.stop()
  await daemon?.stop()
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function startServer(): Promise<RunningServer> {
  host = `${hostName}:${await freePort('::1')}`
  const identity = { cert: await readFile(alice.certificate, 'utf8'), key: await readFile(alice.key, 'utf8') }
  const endpoint = { url: `https://${host}`, ca: certificate.caPem, user, password, ...identity }
  const environment = { REGISTRY_HTTP_TLS_CLIENTCAS: `[${certificate.ca}]`, REGISTRY_STORAGE_DELETE_ENABLED: 'true', REGISTRY_LOG_LEVEL: 'error' }
  return startDocumented({ dataDir: join(folder, 'data'), certificate, address: host, endpoint, environment })
}

function ok(result: CommandResult): string {
  assert.equal(result.status, 0, `${result.stdout}${result.stderr}\n--- the registry:\n${server.output().slice(-3000)}`)
  return result.stdout
}

function refused(result: CommandResult, reason: RegExp): void {
  assert.notEqual(result.status, 0, result.stdout)
  assert.match(result.stderr, reason)
}

const dockerLogin = (): Promise<CommandResult> => daemon.docker(['login', '-u', user, '--password-stdin', host], password)

for (const [whose, given] of [
  ['without a client certificate', () => undefined],
  ["with a stranger's client certificate", () => mallory],
] as const) {
  test(`${whose}, nobody gets in`, async () => {
    await using _ = await trust(host, certificate.caPem, given())
    refused(await dockerLogin(), NO_CERTIFICATE)
    for (const client of ['skopeo', 'podman'] as const) refused(await clients.login(client, host, user, password), NO_CERTIFICATE)
    const { status } = await clients.curl('--cacert', certificate.ca, '-u', `${user}:${password}`, `https://${host}/v2/`)
    assert.notEqual(status, 0)
  })
}

describe('with a client certificate of the CA', () => {
  let trusted: AsyncDisposable

  before(async () => {
    trusted = await trust(host, certificate.caPem, alice)
  })

  after(() => trusted[Symbol.asyncDispose]())

  test('docker, skopeo and podman push and pull', async () => {
    ok(await dockerLogin())
    for (const client of ['skopeo', 'podman'] as const) ok(await clients.login(client, host, user, password))
    ok(await daemon.docker(['tag', 'small:v1', `${host}/team/docker:v1`]))
    ok(await daemon.docker(['push', `${host}/team/docker:v1`]))
    ok(await clients.skopeo('copy', '--all', `oci:${images.multi}:latest`, `docker://${host}/team/multi:latest`))
    ok(await clients.podman('pull', '--quiet', `${host}/team/docker:v1`))
    ok(await daemon.docker(['pull', `${host}/team/multi:latest`]))
    ok(await clients.skopeo('delete', `docker://${host}/team/docker:v1`))
  })

  test('containerd pulls and pushes, as a node of Kubernetes does', async () => {
    const options = ['--user', `${user}:${password}`, '--hosts-dir', '/etc/docker/certs.d']
    ok(await clients.skopeo('copy', `oci:${images.small}:v2`, `docker://${host}/team/small:v2`))
    ok(await containerd.ctr('images', 'pull', ...options, `${host}/team/small:v2`))
    ok(await containerd.ctr('images', 'tag', `${host}/team/small:v2`, `${host}/ctr/small:v2`))
    ok(await containerd.ctr('images', 'push', ...options, `${host}/ctr/small:v2`))
    ok(await clients.skopeo('inspect', `docker://${host}/ctr/small:v2`))
    refused(await containerd.ctr('images', 'pull', ...options, `${host}/team/none:v1`), /not found/)
    refused(await containerd.ctr('images', 'pull', '--user', `${user}:wrong`, ...options.slice(2), `${host}/team/small:v2`), /401 Unauthorized/)
  })

  test('curl gets in, and still needs the password', async () => {
    const identity = ['--cacert', certificate.ca, '--cert', alice.certificate, '--key', alice.key]
    assert.equal(ok(await clients.curl(...identity, '-u', `${user}:${password}`, `https://${host}/v2/`)).trim(), '{}')
    assert.match(ok(await clients.curl(...identity, `https://${host}/v2/`)), /UNAUTHORIZED/)
  })
})
