import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Certificate, makeSanCertificate } from './support/certificates.ts'
import { type Background, type CommandResult, run, startBackground } from './support/command.ts'
import { type Images, makeImages } from './support/images.ts'
import { distribution, freePort, ROOT, startServer, underTest } from './support/registry-server.ts'

const INSTALL = join(ROOT, 'deploy/install')
const UNIT = '/etc/systemd/system/lacre.service'
const CREDENTIALS = '/run/credentials/lacre.service'
const PLACES = ['/etc', '/usr/local', '/var/lib', '/run']

/** deploy/install, where what it writes is seen by the test alone and gone at its end. */
describe('the installation as a service', { skip: underTest === distribution }, () => {
  let folder: string
  let machine: Background
  let images: Images

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lacre-install-'))
    const overlay = (place: string) => {
      const own = join(folder, 'layers', place)
      return `mkdir -p ${own}/upper ${own}/work && mount -t overlay lacre-test -o lowerdir=${place},upperdir=${own}/upper,workdir=${own}/work ${place}`
    }
    const script = [...PLACES.map(overlay), 'echo ready', 'exec sleep infinity'].join(' && ')
    machine = startBackground('unshare', ['--mount', 'sh', '-c', script])
    while (!machine.output().includes('ready')) {
      if (machine.pid < 0 || (await Promise.race([machine.exited, new Promise((wake) => setTimeout(() => wake('runs'), 50))])) !== 'runs')
        throw new Error(machine.output())
    }
    images = await makeImages(join(folder, 'images'))
  })

  after(async () => {
    await machine.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const onMachine = (...words: string[]): Promise<CommandResult> => run('nsenter', ['--target', String(machine.pid), '--mount', ...words])
  async function ok(...words: string[]): Promise<string> {
    const { status, stdout, stderr } = await onMachine(...words)
    assert.equal(status, 0, `${words.join(' ')}\n${stdout}${stderr}`)
    return stdout
  }
  const isThere = async (path: string) => (await onMachine('test', '-e', path)).status === 0

  test('without root it only says what it would do, and that is the whole of it', async () => {
    const refused = await onMachine('setpriv', '--reuid=65534', '--clear-groups', 'sh', INSTALL)
    assert.deepEqual([refused.status, refused.stderr.split('\n')[0]], [1, 'lacre: this must be run by root'])
    const shown = await ok('setpriv', '--reuid=65534', '--clear-groups', 'sh', INSTALL, '--dry-run')
    assert.match(shown, /^\+ useradd .* lacre$/m)
    for (const path of ['/usr/local/lib/lacre', '/etc/lacre', UNIT, '/var/lib/lacre']) assert.equal(await isThere(path), false, path)
  })

  test('it installs what the service needs, and says what is next', async () => {
    const said = await ok('sh', INSTALL)
    assert.match(said, /systemctl enable --now lacre\n$/)
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    assert.equal(await ok('/usr/local/bin/lacre', '--version'), `lacre ${version}\n`)
    assert.equal(await ok('stat', '-c', '%U %a', '/etc/lacre/tls', '/var/lib/lacre'), 'root 700\nlacre 750\n')
  })

  test('systemd finds nothing to complain of in the unit, and calls it well protected', async () => {
    const { status, stdout, stderr } = await onMachine('systemd-analyze', 'verify', UNIT)
    assert.deepEqual([status, stdout, stderr.replace(/^(?!.*lacre).*\n/gm, '')], [0, '', '']) // of other units it may complain
    await ok('systemd-analyze', 'security', '--offline=true', '--threshold=20', UNIT) // 2.0 of 10
  })

  test('installed again, it upgrades the program and keeps the settings', async () => {
    await ok('sh', '-c', 'echo "# mine" >> /etc/lacre/config.yml && touch /usr/local/lib/lacre/stale')
    assert.doesNotMatch(await ok('sh', INSTALL), /useradd|config\.yml|Before the first start/)
    assert.match(await ok('tail', '-n', '1', '/etc/lacre/config.yml'), /^# mine$/m)
    assert.equal(await isThere('/usr/local/lib/lacre/stale'), false)
    assert.equal(await isThere('/usr/local/lib/lacre.old'), false)
  })

  test('run as the unit says, it serves with what it is handed, and commands outside reach it', async () => {
    await handOver(await makeSanCertificate(join(folder, 'certs'), ['localhost']))
    await ok('/usr/local/bin/lacre', 'user', 'add', 'alice', '--generate', '--data', '/var/lib/lacre')
    const password = 'wonderland'
    const changed = await run(
      'nsenter',
      ['--target', String(machine.pid), '--mount', '/usr/local/bin/lacre', 'user', 'passwd', 'alice', '--password-stdin', '--data', '/var/lib/lacre'],
      { input: password },
    )
    assert.equal(changed.status, 0, changed.stderr)
    const port = await freePort('127.0.0.1')
    const server = await startServer('nsenter', ['--target', String(machine.pid), '--mount', 'unshare', '--mount', 'sh', '-c', await serviceLine(port)], {
      endpoint: { url: `https://localhost:${port}` },
    })
    const image = `docker://localhost:${port}/team/app:v1`
    const pushed = await run('skopeo', ['copy', '--dest-tls-verify=false', '--dest-creds', `alice:${password}`, `oci:${images.small}:v1`, image])
    assert.equal(pushed.status, 0, pushed.stderr + server.output())
    assert.equal(await ok('/usr/local/bin/lacre', 'repo', 'list', '--data', '/var/lib/lacre'), 'team/app\n')
    assert.match(await ok('stat', '-c', '%U', '/var/lib/lacre/docker', '/var/lib/lacre/lacre/state/htpasswd'), /^lacre\nlacre$/m)
    assert.equal(await server.stop(), 0, server.output())
  })

  test('uninstalled, twice, it leaves settings and images, and nothing else', async () => {
    await ok('sh', INSTALL, 'uninstall')
    assert.match(await ok('sh', INSTALL, 'uninstall'), /^\nLeft where they are/)
    for (const path of ['/usr/local/lib/lacre', '/usr/local/bin/lacre', UNIT]) assert.equal(await isThere(path), false, path)
    for (const path of ['/etc/lacre/config.yml', '/var/lib/lacre/docker']) assert.equal(await isThere(path), true, path)
  })

  /** What LoadCredential does: copies that the service's user alone may read. */
  async function handOver({ certificate, key }: Certificate): Promise<void> {
    await ok('install', '-d', '-m', '0755', '/run/credentials')
    await ok('install', '-d', '-m', '0500', '-o', 'lacre', CREDENTIALS)
    await ok('install', '-m', '0400', '-o', 'lacre', certificate, `${CREDENTIALS}/server.crt`)
    await ok('install', '-m', '0400', '-o', 'lacre', key, `${CREDENTIALS}/server.key`)
  }

  /** A line of shell that does with mounts and setpriv what systemd does with the unit: its user, environment, folders and command. */
  async function serviceLine(port: number): Promise<string> {
    const unit = await ok('cat', UNIT)
    const valuesOf = (key: string) => [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)
    const variables = valuesOf('Environment').join(' ').replaceAll('%d', CREDENTIALS)
    const writable = ['/var/lib/lacre', '/var/cache/lacre', '/run/lacre']
    const sandbox = [
      ...writable.map((path) => `install -d -m 0700 -o lacre -g lacre ${path} && mount --bind ${path} ${path}`),
      ...['/', ...PLACES].map((path) => `mount -o remount,bind,ro ${path}`),
      'mount -t tmpfs none /tmp',
    ]
    const user = `setpriv --reuid=${valuesOf('User')[0]} --regid=${valuesOf('User')[0]} --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs`
    const command = `sh -c 'umask ${valuesOf('UMask')[0]}; exec ${valuesOf('ExecStart')[0]}'`
    return `${sandbox.join(' && ')} && exec ${user} env -i ${variables} REGISTRY_HTTP_ADDR=:${port} ${command}`
  }
})
