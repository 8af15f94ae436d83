import assert from 'node:assert/strict'
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { parse } from 'yaml'
import { type Certificate, makeAuthority, makeSanCertificate } from './support/certificates.ts'
import { runOk } from './support/command.ts'
import { type ImageHost, openImageHost } from './support/image-host.ts'
import { type Images, makeImages } from './support/images.ts'
import { describeMigration } from './support/migration.ts'
import { distribution, ROOT, underTest } from './support/registry-server.ts'
import { callsOfUnit } from './support/unit-calls.ts'

const OWNER = 47_011
const account = 'centos:centos'

/** The image that deploy/Dockerfile makes, started by the very lines that start registry:2 in the tutorials. */
describe('the image', { skip: underTest === distribution }, () => {
  let folder: string
  let host: ImageHost
  let images: Images

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lacre-image-'))
    await chmod(folder, 0o755) // containers of other users look in
    host = await openImageHost(join(folder, 'host'))
    images = await makeImages(join(folder, 'images'))
  })

  after(async () => {
    await host?.close()
    await rm(folder, { recursive: true, force: true })
  })

  afterEach(() => host.clear()) // of a test that failed

  async function skopeo(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await host.run('skopeo', args)
    assert.equal(status, 0, stderr)
    return stdout
  }

  const push = (name: string, ...options: string[]) =>
    skopeo('copy', '--quiet', '--dest-tls-verify=false', ...options, `oci:${images.small}:v1`, `docker://${name}`)
  const inspect = async (name: string, ...options: string[]) =>
    (await skopeo('inspect', '--tls-verify=false', '--format', '{{.Digest}}', ...options, `docker://${name}`)).trim()
  const curl = async (...args: string[]) => (await host.run('curl', ['--silent', '--show-error', ...args])).stdout

  async function healthOf(container: string): Promise<string> {
    for (let tries = 0; tries < 300; tries++) {
      const health = (await host.docker('inspect', '--format', '{{.State.Health.Status}}', container)).trim()
      if (health !== 'starting') return health
      await delay(100)
    }
    return 'starting'
  }

  /** The users that the server's process has, and whose files are in a folder. */
  const serverUser = async (container: string) => /^Uid:\s+(.*)$/m.exec(await host.docker('exec', container, 'cat', '/proc/1/status'))?.[1]?.split('\t')
  async function owners(path: string): Promise<number[]> {
    const found = await Promise.all((await readdir(path, { recursive: true })).map((name) => stat(join(path, name))))
    return [...new Set(found.map(({ uid }) => uid))]
  }

  async function makeConfig(name: string, header: string): Promise<string> {
    const path = join(folder, name)
    await mkdir(path, { recursive: true })
    await writeFile(
      join(path, 'config.yml'),
      `version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\nhttp: {addr: ":5000", headers: {X-From: [${header}]}}\n`,
    )
    return path
  }

  test("commands of registry's are run by it, and anything else as it is", async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    assert.equal(await host.docker('run', '--rm', 'lacre', '--version'), `registry lacre ${version}\n`)
    assert.match(await host.docker('run', '--rm', 'lacre', 'help'), /serve[\s\S]*garbage-collect/)
    assert.match(await host.docker('run', '--rm', 'lacre', 'garbage-collect', '--help'), /--delete-untagged/)
    assert.equal(await host.docker('run', '--rm', 'lacre', 'sh', '-c', 'echo "$0 $1"', 'a b', '*'), 'a b *\n')
    assert.equal(await host.docker('run', '--rm', 'lacre', '/bin/registry', '-v'), `registry lacre ${version}\n`)
    assert.equal(await host.docker('run', '--rm', 'lacre', 'lacre', '--version'), `lacre ${version}\n`)
    for (const words of [['/nowhere.yml'], ['/nowhere.yaml'], ['serve', '/nowhere.yml']])
      await assert.rejects(host.docker('run', '--rm', 'lacre', ...words), /ended with 1\n[\s\S]*\/nowhere\.ya?ml[\s\S]*does not exist/)
  })

  test('variables that a shell does not hand on reach it', async () => {
    const shown = await host.docker('run', '--rm', '-e', 'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin=["*"]', 'lacre', 'lacre', 'config', 'show')
    assert.match(shown, /^http\.headers\.access-control-allow-origin +\["\*"\]/m)
  })

  test("it brings htpasswd, which registry:2's images have lost", async () => {
    const passwords = await host.docker('run', '--entrypoint', 'htpasswd', '--rm', 'lacre', '-Bbn', 'user', 'p4ssw0rd')
    await writeFile(join(folder, 'passwords'), passwords)
    await runOk('htpasswd', ['-vb', join(folder, 'passwords'), 'user', 'p4ssw0rd'])
  })

  test('it is a CA for a mounted folder, as certstrap is', async () => {
    const out = join(folder, 'registry-certs')
    const lacre = (...words: string[]) => host.docker('run', '--rm', '-v', `${out}:/out`, 'lacre', 'lacre', ...words)
    await mkdir(out)
    await lacre('ca', 'init', '--pki', '/out', '--name', 'registry.ca', '--no-passphrase')
    await lacre('cert', 'issue', 'server', 'registry.intranet', '--ip', '172.16.43.101', '--pki', '/out', '--names', 'certstrap', '--out', '/out')
    await lacre('cert', 'export', 'server', '--pki', '/out', '--from', '/out', '--to', '/out/server')
    assert.deepEqual((await readdir(join(out, 'server'))).sort(), ['server.crt', 'server.key'])
    await runOk('openssl', ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', join(out, 'ca/ca.crt'), join(out, 'registry.intranet.crt')])
  })

  test('it serves as registry:2 does, is healthy, collects, and ends with 0 at SIGTERM', async () => {
    const data = join(folder, 'plain')
    const line = ['-p', '5000:5000', '--restart=always', '--name', 'registry', '--health-interval=1s', '-v', `${data}:/var/lib/registry`, 'lacre']
    await host.start('http://localhost:5000/', ...line)
    await push('localhost:5000/alpine')
    assert.equal(await curl('http://localhost:5000/v2/_catalog'), '{"repositories":["alpine"]}\n')
    assert.equal(await healthOf('registry'), 'healthy')
    assert.match(await host.docker('exec', 'registry', 'registry', 'garbage-collect', '/etc/docker/registry/config.yml'), /0 blobs/)
    assert.equal(await host.docker('exec', 'registry', 'lacre', 'repo', 'list'), 'alpine\n')
    assert.deepEqual(await owners(data), [0])
    assert.equal(await host.stop('registry'), 0)
  })

  for (const [what, mount] of [
    ['a file over the configuration of registry:2', (path: string) => `${path}/config.yml:/etc/docker/registry/config.yml:ro`],
    ['a file over the configuration of registry:3', (path: string) => `${path}/config.yml:/etc/distribution/config.yml:ro`],
    ['a folder over that of registry:2', (path: string) => `${path}:/etc/docker/registry:ro`],
    ['a folder over that of registry:3', (path: string) => `${path}:/etc/distribution:ro`],
  ] as const) {
    test(`${what} is served`, async () => {
      const container = await host.start('http://localhost:5000/', '-p', '5000:5000', '-v', mount(await makeConfig(what.replace(':', '-'), 'mounted')), 'lacre')
      assert.match(await curl('-D', '-', 'http://localhost:5000/v2/'), /^x-from: mounted\r$/im)
      assert.equal(await host.stop(container), 0)
    })
  }

  test('a configuration elsewhere is served, and asked for its health where it listens', async () => {
    const path = await makeConfig('elsewhere', 'argument')
    const container = await host.start('http://localhost:5000/', '-p', '5000:5000', '-v', `${path}:/mine:ro`, 'lacre', '/mine/config.yml')
    assert.match(await curl('-D', '-', 'http://localhost:5000/v2/'), /^x-from: argument\r$/im)
    assert.equal(await host.docker('exec', container, '/usr/lib/lacre/healthcheck'), 'ready\n')
    await assert.rejects(host.docker('exec', '-e', 'REGISTRY_HTTP_ADDR=:4999', container, '/usr/lib/lacre/healthcheck'), /ended with 1\nno answer on :4999/)
    assert.equal(await host.stop(container), 0)
  })

  describe('certificates and passwords inside the storage root, on a volume that registry:2 began', () => {
    let data: string
    let certificate: Certificate
    let pushed: string
    const run = (volume = data) => [
      ...['-p', '443:443', '--name', 'registry', '--restart=always', '--health-interval=1s', '-v', `${volume}:/data`],
      ...['-e', 'REGISTRY_AUTH=htpasswd', '-e', 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/data', '-e', 'REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm'],
      ...['-e', 'REGISTRY_AUTH_HTPASSWD_PATH=/data/auth/registry.password', '-e', 'REGISTRY_HTTP_ADDR=0.0.0.0:443'],
      ...['-e', 'REGISTRY_HTTP_TLS_CERTIFICATE=/data/certs/registry_auth.crt', '-e', 'REGISTRY_HTTP_TLS_KEY=/data/certs/registry_auth.key'],
    ]

    before(async () => {
      data = join(folder, 'docker-registry')
      certificate = await makeSanCertificate(join(data, 'certs'), ['localhost'])
      await chmod(certificate.key, 0o600)
      await mkdir(join(data, 'auth'))
      await writeFile(join(data, 'auth/registry.password'), await runOk('htpasswd', ['-Bbn', 'centos', 'centos']))
      await host.start('https://localhost/', ...run(), 'registry:2')
      await push('localhost:443/alpine', '--dest-creds', account)
      pushed = await inspect('localhost:443/alpine', '--creds', account)
      await host.stop('registry')
    })

    test("root's key and volume are served unchanged", async () => {
      await host.start('https://localhost/', ...run(), 'lacre')
      assert.equal(await inspect('localhost:443/alpine', '--creds', account), pushed)
      await push('localhost:443/busybox', '--dest-creds', account)
      assert.equal(await curl('--cacert', certificate.ca, '-u', account, 'https://localhost/v2/_catalog'), '{"repositories":["alpine","busybox"]}\n')
      assert.match(await curl('--cacert', certificate.ca, 'https://localhost/v2/'), /UNAUTHORIZED/)
      assert.equal(await healthOf('registry'), 'healthy')
      assert.deepEqual(await serverUser('registry'), ['0', '0', '0', '0'])
      assert.equal(await host.stop('registry'), 0)
    })

    test('and by registry:2 again', async () => {
      await host.start('https://localhost/', ...run(), 'registry:2')
      assert.equal(await inspect('localhost:443/alpine', '--creds', account), pushed)
      assert.equal(await inspect('localhost:443/busybox', '--creds', account), pushed)
      await host.stop('registry')
    })

    test("a volume of another user is served by that user, though the key is root's", async () => {
      const theirs = join(folder, 'theirs')
      await cp(data, theirs, { recursive: true })
      await runOk('chown', ['-R', `${OWNER}:${OWNER}`, join(theirs, 'docker')])
      await chown(theirs, OWNER, OWNER)
      await rm(join(theirs, 'lacre'), { recursive: true })
      await host.start('https://localhost/', ...run(theirs), 'lacre')
      await push('localhost:443/again', '--dest-creds', account)
      assert.deepEqual(await serverUser('registry'), Array(4).fill(`${OWNER}`))
      for (const part of ['docker', 'lacre']) assert.deepEqual(await owners(join(theirs, part)), [OWNER])
      assert.match(await host.docker('exec', 'registry', 'registry', 'garbage-collect', '/etc/docker/registry/config.yml'), /0 blobs/)
      assert.equal(await host.stop('registry'), 0)
    })

    test('a server that wants client certificates is healthy, and lets in who has one', async () => {
      const authority = await makeAuthority(join(folder, 'authority'), 'clients')
      const clientCas = ['-e', 'REGISTRY_HTTP_TLS_CLIENTCAS=[/authority/clients.crt]', '-v', `${authority.folder}:/authority:ro`]
      await host.docker('run', '--detach', ...run(), ...clientCas, 'lacre')
      assert.equal(await healthOf('registry'), 'healthy')
      assert.match(await host.docker('exec', 'registry', '/usr/lib/lacre/healthcheck'), /client certificate/)
      assert.equal(await host.stop('registry'), 0)
    })
  })

  describeMigration(() => ({ host, push, inspect }))

  test('--user works', async () => {
    const data = join(folder, 'of a user')
    await mkdir(data)
    await chown(data, OWNER, OWNER)
    const container = await host.start('http://localhost:5000/', '--user', `${OWNER}:${OWNER}`, '-p', '5000:5000', '-v', `${data}:/var/lib/registry`, 'lacre')
    await push('localhost:5000/alpine')
    assert.deepEqual(await owners(data), [OWNER])
    assert.equal(await host.docker('exec', container, '/usr/lib/lacre/healthcheck'), 'ready\n')
    assert.equal(await host.stop(container), 0)
  })

  test('it is content with a root file system that cannot be written', async () => {
    const container = await host.start('http://localhost:5000/', '--read-only', '--cap-drop=ALL', '-p', '5000:5000', 'lacre')
    await push('localhost:5000/alpine')
    assert.equal(await host.docker('exec', container, '/usr/lib/lacre/healthcheck'), 'ready\n')
    assert.equal(await host.stop(container), 0)
  })

  test("the system calls that the service's unit allows are enough for it", async () => {
    const profile = join(folder, 'seccomp.json')
    await writeFile(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: await callsOfUnit(), action: 'SCMP_ACT_ALLOW' }] }))
    const confined = ['--security-opt', `seccomp=${profile}`, '--security-opt', 'no-new-privileges', '--cap-drop=ALL']
    const data = join(folder, 'of the service')
    await mkdir(data)
    await chown(data, OWNER, OWNER)
    const user = ['--user', `${OWNER}:${OWNER}`, '-v', `${data}:/var/lib/registry`]
    const container = await host.start('http://localhost:5000/', ...confined, ...user, '-p', '5000:5000', 'lacre')
    await push('localhost:5000/alpine')
    assert.equal(await host.stop(container), 0)
  })

  test('lacre up sets up HTTPS and a user in it, and is healthy', async () => {
    const line = ['-p', '6000:6000', '--health-interval=1s', 'lacre', 'lacre', 'up', 'localhost', '--port', '6000']
    const container = await host.start('https://localhost:6000/', ...line)
    for (let tries = 0; tries < 100 && !(await host.docker('logs', container)).includes('docker push'); tries++) await delay(100)
    const [, password] = /^ +password +(\S+)/m.exec(await host.docker('logs', container)) ?? []
    await push('localhost:6000/alpine', '--dest-creds', `admin:${password}`)
    assert.equal(await healthOf(container), 'healthy')
    assert.equal(await host.stop(container), 0)
  })

  test("the compose file is the tutorial's, with the image's name changed and nothing else, and what it starts serves", async () => {
    const { services, volumes } = parse(await readFile(join(ROOT, 'deploy/docker-compose.yml'), 'utf8')) as {
      services: { registry: Service }
      volumes: unknown
    }
    assert.deepEqual(services.registry, { ...TUTORIAL, image: 'lacre' })
    assert.deepEqual(volumes, { data: null })
    const place = join(folder, 'registry')
    const certificate = await makeSanCertificate(join(place, 'certs'), ['localhost'])
    await cp(certificate.certificate, join(place, 'certs/domain.crt'))
    await cp(certificate.key, join(place, 'certs/domain.key'))
    await mkdir(join(place, 'auth'))
    await writeFile(join(place, 'auth/htpasswd'), 'user:$2y$05$M/IbI44MSrDFj9bcuFRPt.6tiit1r0V1.KCy2tf4hAzNuznqR9cXG\n')
    await host.start('https://localhost/', ...runLine(services.registry, place))
    assert.match(await curl('-k', 'https://localhost/v2/_catalog'), /"Name":"catalog","Action":"\*"/)
    await push('localhost/alpine', '--dest-creds', 'user:p4ssw0rd')
    assert.equal(await curl('-k', '-u', 'user:p4ssw0rd', 'https://localhost/v2/_catalog'), '{"repositories":["alpine"]}\n')
    assert.equal(await host.stop('registry'), 0)
  })
})

interface Service {
  readonly image: string
  readonly container_name: string
  readonly hostname: string
  readonly environment: Readonly<Record<string, string>>
  readonly volumes: readonly string[]
  readonly ports: readonly string[]
  readonly restart: string
}

/** The service of a tutorial from 2018, "Un registro docker privado por HTTPS con autenticación básica". */
const TUTORIAL: Service = {
  image: 'registry:2',
  container_name: 'registry',
  hostname: 'registry',
  environment: {
    REGISTRY_HTTP_ADDR: '0.0.0.0:443',
    REGISTRY_HTTP_TLS_KEY: '/certs/domain.key',
    REGISTRY_HTTP_TLS_CERTIFICATE: '/certs/domain.crt',
    REGISTRY_AUTH: 'htpasswd',
    REGISTRY_AUTH_HTPASSWD_REALM: 'LinuxSysadmin registry',
    REGISTRY_AUTH_HTPASSWD_PATH: '/auth/htpasswd',
  },
  volumes: ['data:/var/lib/registry', './certs:/certs:ro', './auth:/auth:ro'],
  ports: ['443:443'],
  restart: 'always',
}

/** What docker-compose would tell docker to run. */
function runLine(service: Service, place: string): string[] {
  return [
    ...['--name', service.container_name, '--hostname', service.hostname, '--restart', service.restart],
    ...Object.entries(service.environment).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
    ...service.volumes.flatMap((volume) => ['-v', volume.replace(/^\.\//, `${place}/`)]),
    ...service.ports.flatMap((port) => ['-p', port]),
    service.image,
  ]
}
