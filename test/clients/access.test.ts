import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Certificate, makeSignedCertificate } from './support/certificates.ts'
import { type Clients, openClients, trust } from './support/clients.ts'
import { type CommandResult, run, runOk } from './support/command.ts'
import { type Containerd, startContainerd } from './support/containerd.ts'
import { type DockerDaemon, startDockerDaemon } from './support/docker-daemon.ts'
import { password, startDocumented, user } from './support/documented-registry.ts'
import { addHostNames, hostName } from './support/host-names.ts'
import { type Images, makeImages } from './support/images.ts'
import { freePort, ROOT, type RunningServer } from './support/registry-server.ts'

/** Grants as docker, podman, skopeo, containerd and curl meet them: everybody pulls `public/`, `user` pushes, `reader` reads `team/`. */
const POLICY = `
grants:
  - {principal: anonymous, actions: pull, repositories: public/**}
  - {principal: user:${user}, actions: 'push,delete', repositories: '**'}
  - {principal: user:reader, actions: pull, repositories: team/**}
  - {principal: user:keeper, actions: push, repositories: team/**, create-only: true}
`

let folder: string
let host: string
let images: Images
let clients: Clients
let daemon: DockerDaemon
let containerd: Containerd
let server: RunningServer
let certificate: Certificate
let trusted: AsyncDisposable

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-access-'))
  await addHostNames()
  images = await makeImages(join(folder, 'images'))
  clients = await openClients(join(folder, 'clients'))
  certificate = await makeSignedCertificate(join(folder, 'certs'), [hostName])
  host = `${hostName}:${await freePort('::1')}`
  const endpoint = { url: `https://${host}`, ca: certificate.caPem, user, password }
  const environment = { REGISTRY_STORAGE_DELETE_ENABLED: 'true', REGISTRY_LOG_LEVEL: 'error' }
  server = await startDocumented({ dataDir: join(folder, 'data'), certificate, address: host, endpoint, environment })
  for (const name of ['reader', 'keeper']) await appendFile(join(folder, 'data/auth/registry.password'), await runOk('htpasswd', ['-Bbn', name, password]))
  trusted = await trust(host, certificate.caPem)
  daemon = await startDockerDaemon(join(folder, 'docker'))
  containerd = await startContainerd(join(folder, 'containerd'))
  ok(await daemon.docker(['load', '-i', images.dockerArchive]))
  const lacre = (args: readonly string[], input = ''): Promise<CommandResult> =>
    run(join(ROOT, 'bin/lacre'), [...args, '--data', join(folder, 'data')], { input })
  ok(await lacre(['access', 'apply', '-'], POLICY))
})

after(async () => {
  await containerd?.stop()
  await daemon?.stop()
  await server?.stop()
  await trusted?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

function ok(result: CommandResult): string {
  assert.equal(result.status, 0, `${result.stdout}${result.stderr}\n--- the registry:\n${server.output().slice(-3000)}`)
  return result.stdout
}

function refused(result: CommandResult, reason: RegExp): void {
  assert.notEqual(result.status, 0, result.stdout)
  assert.match(result.stdout + result.stderr, reason)
}

const dockerLogin = (name: string): Promise<CommandResult> => daemon.docker(['login', '-u', name, '--password-stdin', host], password)
const skopeoAs = (name: string) => (name ? ['--creds', `${name}:${password}`] : ['--no-creds'])
const copyTo = (name: string, target: string, source = 'v1'): Promise<CommandResult> =>
  clients.skopeo(
    'copy',
    ...(name ? ['--dest-creds', `${name}:${password}`] : ['--dest-no-creds']),
    `oci:${images.small}:${source}`,
    `docker://${host}/${target}`,
  )

test('docker pushes with a password, pulls as a reader, and is told what a reader may not', async () => {
  ok(await dockerLogin(user))
  for (const target of ['public/docker:v1', 'team/docker:v1', 'secret/docker:v1']) {
    ok(await daemon.docker(['tag', 'small:v1', `${host}/${target}`]))
    ok(await daemon.docker(['push', `${host}/${target}`]))
  }
  ok(await dockerLogin('reader'))
  ok(await daemon.docker(['pull', `${host}/team/docker:v1`]))
  ok(await daemon.docker(['pull', `${host}/public/docker:v1`]))
  refused(await daemon.docker(['push', `${host}/team/docker:v1`]), /reader may not push team\/docker/)
  refused(await daemon.docker(['pull', `${host}/secret/docker:v1`]), /denied: reader may not pull secret\/docker/)
  refused(await daemon.docker(['pull', `${host}/secret/nothing:v1`]), /denied: reader may not pull secret\/nothing/)
  ok(await daemon.docker(['logout', host]))
  refused(await daemon.docker(['pull', `${host}/public/docker:v1`]), /no basic auth credentials/)
})

test('skopeo, podman, containerd and curl pull what is public without a password, and nothing else', async () => {
  ok(await copyTo(user, 'public/app:v1'))
  ok(await copyTo(user, 'team/app:v1'))
  ok(await clients.skopeo('inspect', ...skopeoAs(''), `docker://${host}/public/app:v1`))
  ok(await clients.skopeo('copy', '--src-no-creds', `docker://${host}/public/app:v1`, `oci:${join(folder, 'pulled')}:v1`))
  ok(await clients.podman('pull', '--quiet', `${host}/public/app:v1`))
  ok(await containerd.ctr('images', 'pull', '--hosts-dir', '/etc/docker/certs.d', `${host}/public/app:v1`))
  assert.match(ok(await clients.curl('--cacert', certificate.ca, `https://${host}/v2/public/app/tags/list`)), /"v1"/)
  for (const name of ['team/app:v1', 'team/nothing:v1']) {
    refused(await clients.skopeo('inspect', ...skopeoAs(''), `docker://${host}/${name}`), /authentication required|unauthorized/)
    refused(await clients.podman('pull', '--quiet', `${host}/${name}`), /authentication required|unauthorized/)
    refused(
      await containerd.ctr('images', 'pull', '--hosts-dir', '/etc/docker/certs.d', `${host}/${name}`),
      /401 Unauthorized|authorization failed|no basic auth/,
    )
  }
  refused(await copyTo('', 'public/app:v2'), /authentication required|unauthorized/)
})

test('a reader of skopeo and podman reads, and writes nothing', async () => {
  ok(await copyTo(user, 'team/read:v1'))
  ok(await clients.skopeo('inspect', ...skopeoAs('reader'), `docker://${host}/team/read:v1`))
  ok(await clients.login('podman', host, 'reader', password))
  ok(await clients.podman('pull', '--quiet', `${host}/team/read:v1`))
  refused(await clients.podman('push', `${host}/team/read:v1`, `${host}/team/read:v2`), /denied|reader may not push/)
  refused(await copyTo('reader', 'team/read:v2'), /denied|reader may not push/)
  refused(await clients.skopeo('delete', ...skopeoAs('reader'), `docker://${host}/team/read:v1`), /denied|reader may not delete|403/)
})

test('who may only make tags pushes a new one, the same again, and never moves it', async () => {
  ok(await copyTo('keeper', 'team/kept:v1'))
  ok(await copyTo('keeper', 'team/kept:v1'))
  refused(await copyTo('keeper', 'team/kept:v1', 'v2'), /the tag team\/kept:v1 is there already and may not be moved/)
  ok(await copyTo('keeper', 'team/kept:v2', 'v2'))
})
