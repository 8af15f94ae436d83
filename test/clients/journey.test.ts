import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Certificate, makeSanCertificate } from './support/certificates.ts'
import { type Clients, openClients, trust } from './support/clients.ts'
import type { CommandResult } from './support/command.ts'
import { type DockerDaemon, startDockerDaemon } from './support/docker-daemon.ts'
import { password, startDocumented, user } from './support/documented-registry.ts'
import { addHostNames, hostName } from './support/host-names.ts'
import { type Images, makeImages, makeUnusualImages, type UnusualImages } from './support/images.ts'
import { digestOf, type Endpoint, getBlob, getManifest, listRepositories, listTags } from './support/registry-client.ts'
import { freePort, type RunningServer } from './support/registry-server.ts'

/** Real dockerd, skopeo, podman, buildah and curl against a registry that was started from the environment alone. */
let folder: string
let images: Images & UnusualImages
let clients: Clients
let daemon: DockerDaemon
let server: RunningServer
let certificate: Certificate
let endpoint: Endpoint
let host: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-journey-'))
  await addHostNames()
  images = { ...(await makeImages(join(folder, 'images'))), ...(await makeUnusualImages(join(folder, 'images'))) }
  clients = await openClients(join(folder, 'clients'))
  certificate = await makeSanCertificate(join(folder, 'data/certs'), ['localhost', hostName])
  const port = await freePort('::1')
  host = `${hostName}:${port}`
  endpoint = { url: `https://${host}`, ca: certificate.caPem, user, password }
  const environment = { REGISTRY_STORAGE_DELETE_ENABLED: 'true', REGISTRY_LOG_LEVEL: 'error', REGISTRY_LOG_ACCESSLOG_DISABLED: 'true' }
  server = await startDocumented({ dataDir: join(folder, 'data'), certificate, address: host, endpoint, environment })
  daemon = await startDockerDaemon(join(folder, 'docker'))
  ok(await daemon.docker(['load', '-i', images.dockerArchive]))
})

after(async () => {
  await daemon?.stop()
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

function ok(result: CommandResult): string {
  assert.equal(result.status, 0, `${result.stdout}${result.stderr}\n--- the registry:\n${server.output().slice(-3000)}`)
  return result.stdout
}

function refused(result: CommandResult, reason: RegExp): void {
  assert.notEqual(result.status, 0, result.stdout)
  assert.match(result.stderr, reason)
}

const dockerLogin = (secret: string): Promise<CommandResult> => daemon.docker(['login', '-u', user, '--password-stdin', host], secret)
const source = (layout: keyof typeof images, ref: string): string => `oci:${images[layout]}:${ref}`
const remote = (name: string): string => `docker://${host}/${name}`

describe('a client that does not trust the certificate', () => {
  const UNKNOWN = /x509: certificate signed by unknown authority/

  test('docker refuses to log in, to push and to pull', async () => {
    refused(await dockerLogin(password), UNKNOWN)
    ok(await daemon.docker(['tag', 'small:v1', `${host}/team/docker:v1`]))
    refused(await daemon.docker(['push', `${host}/team/docker:v1`]), UNKNOWN)
    refused(await daemon.docker(['pull', `${host}/team/docker:v1`]), UNKNOWN)
  })

  test('skopeo and podman refuse to log in and to pull', async () => {
    for (const client of ['skopeo', 'podman'] as const) refused(await clients.login(client, host, user, password), UNKNOWN)
    refused(await clients.skopeo('inspect', remote('team/docker:v1')), UNKNOWN)
    refused(await clients.podman('pull', `${host}/team/docker:v1`), UNKNOWN)
  })

  test('curl refuses to connect', async () => {
    refused(await clients.curl(`${endpoint.url}/v2/`), /self.signed certificate/)
  })
})

describe('a client that trusts the certificate', () => {
  let trusted: AsyncDisposable

  before(async () => {
    trusted = await trust(host, certificate.caPem)
  })

  after(() => trusted[Symbol.asyncDispose]())

  test('nobody gets in without a login', async () => {
    refused(await daemon.docker(['pull', `${host}/team/docker:v1`]), /no basic auth credentials/)
    refused(await daemon.docker(['push', `${host}/team/docker:v1`]), /no basic auth credentials/)
    refused(await clients.skopeo('inspect', remote('team/docker:v1')), /unauthorized: authentication required/)
    refused(await clients.podman('pull', `${host}/team/docker:v1`), /unauthorized: authentication required/)
    refused(await clients.skopeo('copy', source('small', 'v1'), remote('team/small:v1')), /unauthorized: authentication required/)
  })

  test('nobody gets in with a wrong password', async () => {
    refused(await dockerLogin('wrong'), /401 Unauthorized|unauthorized/)
    for (const client of ['skopeo', 'podman'] as const) refused(await clients.login(client, host, user, 'wrong'), /invalid username\/password/)
  })

  test('docker, skopeo and podman log in', async () => {
    assert.match(ok(await dockerLogin(password)), /Login Succeeded/)
    for (const client of ['skopeo', 'podman'] as const) assert.match(ok(await clients.login(client, host, user, password)), /Login Succeeded/)
  })

  test('docker pushes, and pulls by tag and by digest', async () => {
    const name = `${host}/team/docker`
    ok(await daemon.docker(['tag', 'small:v1', `${name}:v1`]))
    const pushed = ok(await daemon.docker(['push', `${name}:v1`]))
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1] ?? pushed
    assert.equal(digestOf((await getManifest(endpoint, 'team/docker', 'v1')).body), digest)
    ok(await daemon.docker(['rmi', `${name}:v1`, 'small:v1']))
    assert.match(ok(await daemon.docker(['pull', `${name}:v1`])), new RegExp(digest))
    ok(await daemon.docker(['rmi', `${name}:v1`]))
    ok(await daemon.docker(['pull', `${name}@${digest}`]))
    ok(await daemon.docker(['tag', `${name}@${digest}`, `${host}/team/other:v1`]))
    assert.match(ok(await daemon.docker(['push', `${host}/team/other:v1`])), /Mounted from team\/docker/)
  })

  test('skopeo pushes two tags, an index, 100 layers and 60 MB, and pulls the same bytes', async () => {
    for (const tag of ['v1', 'v2']) await roundTrip('small', tag, `team/small:${tag}`)
    await roundTrip('multi', 'latest', 'team/multi:latest')
    await roundTrip('deep', 'latest', 'team/deep:latest')
    await roundTrip('big', 'latest', 'team/big:latest')
  })

  test('skopeo pushes docker schema 2, and docker pulls it', async () => {
    ok(await clients.skopeo('copy', '--format', 'v2s2', source('small', 'v2'), remote('team/docker:v2')))
    const manifest = await getManifest(endpoint, 'team/docker', 'v2')
    assert.equal(manifest.headers['content-type'], 'application/vnd.docker.distribution.manifest.v2+json')
    ok(await daemon.docker(['pull', `${host}/team/docker:v2`]))
  })

  test('docker pulls what skopeo pushed: an OCI image, 100 layers, 60 MB, and an index by platform', async () => {
    for (const name of ['small:v1', 'deep:latest', 'big:latest']) ok(await daemon.docker(['pull', `${host}/team/${name}`]))
    ok(await daemon.docker(['pull', '--platform', 'linux/arm64', `${host}/team/multi:latest`]))
    assert.match(ok(await daemon.docker(['image', 'inspect', '-f', '{{.Architecture}}', `${host}/team/multi:latest`])), /arm64/)
  })

  test('podman pulls what docker pushed, pushes it elsewhere, and lists tags and repositories', async () => {
    ok(await clients.podman('pull', '--quiet', `${host}/team/docker:v1`))
    ok(await clients.podman('pull', '--quiet', '--arch', 'arm64', `${host}/team/multi:latest`))
    ok(await clients.podman('push', `${host}/team/docker:v1`, `${host}/podman/small:v1`))
    ok(await clients.podman('push', '--format', 'v2s2', '--compression-format', 'gzip', `${host}/team/docker:v1`, `${host}/podman/small:v2s2`))
    assert.match(ok(await clients.podman('search', '--list-tags', `${host}/podman/small`)), /v1\s[\s\S]*v2s2/)
    assert.match(ok(await clients.podman('search', `${host}/`)), /podman\/small/)
  })

  test('podman pulls layers compressed with zstd', async () => {
    await roundTrip('zstd', 'latest', 'team/zstd:latest')
    ok(await clients.podman('pull', '--quiet', `${host}/team/zstd:latest`))
  })

  test('buildah pushes an image made from scratch', async () => {
    const container = ok(await clients.buildah('from', 'scratch')).trim()
    ok(await clients.buildah('copy', container, images.dockerArchive, '/archive.tar'))
    const image = ok(await clients.buildah('commit', '--quiet', container)).trim()
    ok(await clients.buildah('push', '--quiet', image, remote('buildah/scratch:v1')))
    assert.deepEqual(await listTags(endpoint, 'buildah/scratch'), ['v1'])
  })

  test('skopeo lists tags, and curl the catalog', async () => {
    const listed = JSON.parse(ok(await clients.skopeo('list-tags', remote('team/small')))) as { Tags: string[] }
    assert.deepEqual(listed.Tags.toSorted(), ['v1', 'v2'])
    const { repositories } = JSON.parse(ok(await curl('/v2/_catalog'))) as { repositories: string[] }
    for (const name of ['team/docker', 'team/small', 'team/multi', 'team/deep', 'team/big', 'podman/small']) assert.ok(repositories.includes(name), name)
    assert.deepEqual(await listRepositories(endpoint), repositories)
  })

  test('an image that is not there is said not to be there', async () => {
    refused(await clients.skopeo('inspect', remote('team/none:v1')), /manifest unknown/)
    refused(await daemon.docker(['pull', `${host}/team/none:v1`]), /manifest for \S+ not found: manifest unknown/)
    refused(await clients.podman('pull', `${host}/team/none:v1`), /manifest unknown/)
  })

  test('skopeo deletes an image, and nobody finds it again', async () => {
    ok(await clients.skopeo('copy', source('small', 'v2'), remote('team/deleted:v2')))
    ok(await clients.skopeo('delete', remote('team/deleted:v2')))
    assert.deepEqual(await listTags(endpoint, 'team/deleted'), [])
    refused(await clients.skopeo('inspect', remote('team/deleted:v2')), /manifest unknown/)
    refused(await daemon.docker(['pull', `${host}/team/deleted:v2`]), /manifest unknown/)
    ok(await clients.skopeo('copy', source('small', 'v2'), remote('team/deleted:v2')))
    ok(await clients.skopeo('inspect', remote('team/deleted:v2')))
  })

  test('curl deletes a blob', async () => {
    const { config } = JSON.parse((await getManifest(endpoint, 'buildah/scratch', 'v1')).body.toString()) as { config: { digest: string } }
    assert.equal(ok(await curl(`/v2/buildah/scratch/blobs/${config.digest}`, '-X', 'DELETE', '-w', '%{http_code}')), '202')
    assert.equal((await getBlob(endpoint, 'buildah/scratch', config.digest)).status, 404)
  })

  test('docker logs out, and is out', async () => {
    ok(await daemon.docker(['logout', host]))
    refused(await daemon.docker(['pull', `${host}/team/docker:v1`]), /no basic auth credentials/)
  })
})

function curl(path: string, ...args: string[]): Promise<CommandResult> {
  return clients.curl('--cacert', certificate.ca, '-u', `${user}:${password}`, ...args, `${endpoint.url}${path}`)
}

/** Pushes from an OCI layout, pulls into another, and compares every blob and the manifest's digest. */
async function roundTrip(layout: keyof typeof images, ref: string, name: string): Promise<void> {
  const back = join(folder, name.replaceAll(/[/:]/g, '-'))
  await mkdir(back)
  ok(await clients.skopeo('copy', '--all', '--preserve-digests', source(layout, ref), remote(name)))
  ok(await clients.skopeo('copy', '--all', '--preserve-digests', remote(name), `oci:${back}:back`))
  const sent = new Set(await readdir(join(images[layout], 'blobs/sha256')))
  const received = await readdir(join(back, 'blobs/sha256'))
  assert.ok(received.length > 1)
  for (const blob of received) assert.ok(sent.has(blob), `${name} came back with ${blob}`)
}
