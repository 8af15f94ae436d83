/** dockerd with --tlsverify, and docker's command line, from what `lacre docker-tls` makes. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { run, runOk } from './support/command.ts'
import { distribution, freePort, underTest } from './support/registry-server.ts'
import { DockerMachine } from './support/tls-daemon.ts'

const client = { certificate: 'docker-ca/client-cert.pem', key: 'docker-ca/client-key.pem' }
const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8).padStart(4, '0')

async function openMachine(): Promise<DockerMachine & AsyncDisposable> {
  const machine = new DockerMachine(await mkdtemp(join(tmpdir(), 'lacre-docker-tls-')), await freePort('127.0.0.1'))
  await machine.layOut()
  const dispose = async () => {
    await machine.stopDaemon()
    await rm(machine.folder, { recursive: true, force: true })
  }
  return Object.assign(machine, { [Symbol.asyncDispose]: dispose })
}

describe('a docker daemon of lacre docker-tls', { skip: underTest === distribution }, () => {
  let machine: DockerMachine & AsyncDisposable
  const withClient = (host?: string) => machine.docker(client, host)

  before(async () => {
    machine = await openMachine()
    await machine.ok('init', '--host', 'docker.intranet', '--ip', '192.168.1.20,10.10.10.20', '--no-passphrase')
    await machine.ok('client')
    await machine.installDaemon()
    await machine.startDaemon()
  })

  after(() => machine[Symbol.asyncDispose]())

  test('it lets in who has a client certificate', async () => {
    const { status, stdout, stderr } = await withClient()
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^Server:/m)
  })

  test('localhost is among its names', async () => assert.equal((await withClient('localhost')).status, 0))

  test('it refuses who has none', async () => {
    const { status, stderr } = await machine.docker()
    assert.notEqual(status, 0)
    assert.match(stderr, /certificate required|bad certificate/)
  })

  test("it refuses the server's own certificate", async () => {
    const { status } = await machine.docker({ certificate: 'docker-ca/server-cert.pem', key: 'docker-ca/server-key.pem' })
    assert.notEqual(status, 0)
  })

  test('it refuses a certificate of another CA, and a client of that CA refuses it', async () => {
    await machine.ok('init', '--host', 'docker.intranet', '--no-passphrase', '--dir', 'other')
    await machine.ok('client', '--dir', 'other')
    const other = { certificate: 'other/client-cert.pem', key: 'other/client-key.pem' }
    assert.notEqual((await machine.docker(other)).status, 0)
    assert.match((await machine.docker({ ...client, ca: 'other/ca.pem' })).stderr, /x509: certificate signed by unknown authority/)
  })

  test('it still listens on its unix socket', async () => assert.equal((await run('docker', ['-H', machine.socket, 'version'])).status, 0))

  test('what daemon.json said before is still there', async () => {
    const { 'log-level': level, hosts } = await machine.readJson('root/etc/docker/daemon.json')
    assert.deepEqual([level, hosts], ['warn', [machine.socket, 'unix:///var/run/docker.sock', `tcp://127.0.0.1:${machine.port}`]])
  })

  test('newer dockerds say that daemon.json is right', async (context) => {
    const { stdout, stderr } = await run('dockerd', ['--validate', '--config-file', machine.at('root/etc/docker/daemon.json')])
    if (/unknown flag/.test(stderr)) return context.skip('this dockerd has no --validate')
    assert.match(stdout + stderr, /configuration OK/)
  })

  test('certificates are 0444 and keys 0400, and the folder of the certificates 0700', async () => {
    for (const name of ['docker-ca/ca.pem', 'docker-ca/client-cert.pem', 'root/etc/docker/ca.pem', 'root/etc/docker/server-cert.pem'])
      assert.equal(await modeOf(machine.at(name)), '0444', name)
    for (const name of ['docker-ca/ca-key.pem', 'docker-ca/server-key.pem', 'docker-ca/client-key.pem', 'root/etc/docker/server-key.pem'])
      assert.equal(await modeOf(machine.at(name)), '0400', name)
    assert.equal(await modeOf(machine.at('docker-ca')), '0700')
  })

  test('openssl is content with both ends, each for its purpose alone', async () => {
    const verify = (purpose: string, name: string) =>
      run('openssl', ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', machine.at('docker-ca/ca.pem'), machine.at(`docker-ca/${name}-cert.pem`)])
    assert.equal((await verify('sslserver', 'server')).status, 0)
    assert.equal((await verify('sslclient', 'client')).status, 0)
    assert.notEqual((await verify('sslclient', 'server')).status, 0)
    assert.notEqual((await verify('sslserver', 'client')).status, 0)
  })

  test('after client --install, docker needs --tlsverify and -H alone', async () => {
    await machine.ok('client', '--install')
    const environment = { DOCKER_CONFIG: machine.at('client'), DOCKER_HOST: `tcp://127.0.0.1:${machine.port}`, DOCKER_TLS_VERIFY: '1' }
    const { status, stderr } = await run('docker', ['version'], { env: environment })
    assert.equal(status, 0, stderr)
    assert.equal(await modeOf(machine.at('client/key.pem')), '0400')
  })

  test('a misspelt DOCKER_TLS_VERIFY is plain HTTP, which docker says', async () => {
    const environment = { DOCKER_CONFIG: machine.at('client'), DOCKER_HOST: `tcp://127.0.0.1:${machine.port}`, DOCKER_TLS_VERIF: '1' }
    assert.match((await run('docker', ['version'], { env: environment })).stderr, /Client sent an HTTP request to an HTTPS server/)
  })

  test('client --context makes a context, which undo takes away', async () => {
    const env = { DOCKER_CONFIG: machine.at('client') }
    await machine.ok('client', 'alice', '--context', 'intranet', '--host', `127.0.0.1:${machine.port}`)
    const used = await run('docker', ['--context', 'intranet', 'version'], { env })
    assert.equal(used.status, 0, used.stderr)

    const again = await machine.lacre('client', 'bob', '--context', 'intranet', '--host', '127.0.0.1')
    assert.equal(again.status, 1)
    assert.match(again.stderr, /docker context failed: .*already exists/)
    assert.equal((await run('docker', ['context', 'inspect', 'intranet'], { env })).status, 0)
    await assert.rejects(stat(machine.at('docker-ca/bob-key.pem')), { code: 'ENOENT' })

    await machine.ok('undo')
    assert.notEqual((await run('docker', ['context', 'inspect', 'intranet'], { env })).status, 0)
    await assert.rejects(stat(machine.at('docker-ca/alice-key.pem')), { code: 'ENOENT' })
  })

  test('renewed certificates have the same keys, and work after a restart', async () => {
    const read = async (name: string) => new X509Certificate(await readFile(machine.at(`docker-ca/${name}-cert.pem`)))
    const before = await read('server')
    await machine.ok('renew', '--all', '--days', '30')
    const now = await read('server')
    assert.ok(now.publicKey.equals(before.publicKey) && now.subjectAltName === before.subjectAltName && now.serialNumber !== before.serialNumber)
    await machine.installDaemon()
    await machine.stopDaemon()
    await machine.startDaemon()
    assert.equal((await withClient()).status, 0)
  })
})

describe('beside a unit with -H fd://', { skip: underTest === distribution }, () => {
  test('dockerd refuses hosts in daemon.json, and starts with the drop-in', async () => {
    await using machine = await openMachine()
    assert.ok((await machine.command()).includes('fd://'))
    assert.match(await machine.startRefused(), /specified both as a flag and in the configuration file: hosts/)
    await machine.ok('init', '--ip', '192.0.2.1', '--no-passphrase')
    await machine.installDaemon()
    assert.ok(!(await machine.command()).includes('fd://'))
    const { stderr } = await run('systemd-analyze', [`--root=${machine.at('root')}`, 'verify', 'docker.service'])
    assert.doesNotMatch(stderr, /more than one ExecStart|bad unit file setting|zz-lacre/)
    await machine.startDaemon()
  })

  test('undo gives back the machine as it was, and dockerd takes no certificates', async () => {
    await using machine = await openMachine()
    const before = await runOk('tar', ['-C', machine.at('root'), '--sort=name', '--mtime=@0', '-cf', '-', '.'])
    await machine.ok('init', '--ip', '192.0.2.1', '--no-passphrase')
    await machine.installDaemon()
    await machine.ok('undo', '--root', 'root')
    assert.equal(await runOk('tar', ['-C', machine.at('root'), '--sort=name', '--mtime=@0', '-cf', '-', '.']), before)
  })
})

describe('keys of other kinds', { skip: underTest === distribution }, () => {
  for (const kind of ['rsa:4096', 'ec:p384', 'ed25519']) {
    test(`daemon and client understand each other with ${kind}`, async () => {
      await using machine = await openMachine()
      await machine.ok('init', '--ip', '192.0.2.1', '--no-passphrase', '--key', kind)
      await machine.ok('client', '--key', kind)
      await machine.installDaemon()
      await machine.startDaemon()
      const { status, stderr } = await machine.docker(client)
      assert.equal(status, 0, stderr)
    })
  }
})

/** The document's own commands, with smaller keys: `openssl …` line by line. */
const DOCUMENT = [
  'genpkey -aes-256-cbc -pass pass:secret -algorithm RSA -out ca-key.pem -pkeyopt rsa_keygen_bits:2048',
  'req -new -x509 -days 365 -key ca-key.pem -passin pass:secret -subj /CN=docker-ca -sha256 -out ca.pem',
  'genpkey -algorithm RSA -out server-key.pem -pkeyopt rsa_keygen_bits:2048',
  'req -subj /CN=localhost -sha256 -new -key server-key.pem -out server.csr',
  'x509 -req -days 365 -sha256 -in server.csr -CA ca.pem -CAkey ca-key.pem -passin pass:secret -CAcreateserial -out server-cert.pem -extfile server.cnf',
  'genpkey -aes-256-cbc -pass pass:phrase -algorithm RSA -out client-key.pem -pkeyopt rsa_keygen_bits:2048',
  'req -subj /CN=client -sha256 -new -key server-key.pem -out client.csr', // its mistake: the request should be the client key's
  'x509 -req -days 365 -sha256 -in client.csr -CA ca.pem -CAkey ca-key.pem -passin pass:secret -CAcreateserial -out client-cert.pem -extfile client.cnf',
]

describe('a folder that was made with openssl, as in the document', { skip: underTest === distribution }, () => {
  let machine: DockerMachine & AsyncDisposable
  const secret = ['--passphrase-env', 'PHRASE']

  before(async () => {
    process.env['PHRASE'] = 'secret'
    machine = await openMachine()
    const cwd = machine.at('docker-ca')
    await mkdir(cwd)
    await writeFile(join(cwd, 'server.cnf'), 'subjectAltName = IP:192.168.1.20,IP:127.0.0.1\n')
    await writeFile(join(cwd, 'client.cnf'), 'extendedKeyUsage = clientAuth\n')
    for (const line of DOCUMENT) await runOk('openssl', line.split(' '), { cwd })
  })

  after(() => machine[Symbol.asyncDispose]())

  test('an encrypted client key is explained, and nothing is installed', async () => {
    const { status, stderr } = await machine.lacre('client', '--install')
    assert.equal(status, 1)
    assert.match(stderr, /client-key\.pem is encrypted.*failed to parse private key[\s\S]*hint: .*openssl pkey/)
    await assert.rejects(stat(machine.at('client/key.pem')), { code: 'ENOENT' })
  })

  test("a client certificate that was requested with the server's key is explained", async () => {
    const [key, plain] = [machine.at('docker-ca/client-key.pem'), machine.at('plain.pem')]
    await runOk('openssl', ['pkey', '-in', key, '-passin', 'pass:phrase', '-out', plain])
    await runOk('mv', [plain, key])
    const { status, stderr } = await machine.lacre('client', '--install')
    assert.equal(status, 1)
    assert.match(stderr, /request was made with \S+server-key\.pem[\s\S]*hint: make it again: lacre docker-tls client client --force/)
  })

  test("the document's daemon refuses localhost; with lacre's certificate of the same CA it does not", async () => {
    await machine.ok('client', '--force', ...secret)
    await machine.installDaemon()
    await machine.startDaemon()
    assert.equal((await machine.docker(client)).status, 0)
    assert.match((await machine.docker(client, 'localhost')).stderr, /x509: certificate is (?:valid for|not valid for)|doesn't contain any/)

    await machine.ok('init', '--ip', '192.168.1.20', ...secret)
    await machine.installDaemon()
    await machine.stopDaemon()
    await machine.startDaemon()
    assert.equal((await machine.docker(client, 'localhost')).status, 0)
  })

  test('a wrong passphrase changes nothing', async () => {
    process.env['PHRASE'] = 'wrong'
    const { status, stderr } = await machine.lacre('renew', '--all', ...secret)
    process.env['PHRASE'] = 'secret'
    assert.equal(status, 1)
    assert.match(stderr, /ca-key\.pem is wrong/)
  })
})

describe('what stands in the way', { skip: underTest === distribution }, () => {
  let machine: DockerMachine & AsyncDisposable

  before(async () => {
    machine = await openMachine()
    await machine.ok('init', '--ip', '192.0.2.1', '--no-passphrase')
  })

  after(() => machine[Symbol.asyncDispose]())

  const install = () => machine.lacre('install-daemon', '--root', 'root')

  test('a broken daemon.json is named and stays as it is', async () => {
    const broken = '{“hosts”: ["fd://"]}'
    await machine.layOut(broken)
    const { status, stderr } = await install()
    assert.equal(status, 1)
    assert.match(stderr, /root\/etc\/docker\/daemon\.json is not valid JSON[\s\S]*hint: .*curly quotes/)
    assert.equal(await readFile(machine.at('root/etc/docker/daemon.json'), 'utf8'), broken)
    await assert.rejects(stat(machine.at('root/etc/docker/ca.pem')), { code: 'ENOENT' })
    await machine.layOut()
  })

  test('a folder in the place of a certificate is named', async () => {
    await mkdir(machine.at('root/etc/docker/ca.pem'))
    assert.match((await install()).stderr, /root\/etc\/docker\/ca\.pem is a folder, and a file is meant/)
    await runOk('rmdir', [machine.at('root/etc/docker/ca.pem')])
  })

  test("the document's DOCKER_OPTS is named, with its curly quote", async () => {
    const options = 'DOCKER_OPTS="-H tcp://0.0.0.0:2376 --tlsverify \\\n--tlskey=/etc/docker/server-key.pem”\n'
    await machine.write('root/etc/default/docker', options)
    const { stderr } = await install()
    assert.match(stderr, /\/etc\/default\/docker gives dockerd -H or --tls flags in DOCKER_OPTS, with a curly quote among them \(line 1\)/)
    await rm(machine.at('root/etc/default/docker'))
  })

  test('a file system that is read-only is named, and nothing is changed', async () => {
    const mounted = 'mount --bind root root && mount -o remount,ro,bind root && exec "$@"'
    const lacre = join(import.meta.dirname, '../../bin/lacre')
    const { status, stderr } = await run('unshare', ['--mount', 'sh', '-c', mounted, 'sh', lacre, 'docker-tls', 'install-daemon', '--root', 'root'], {
      cwd: machine.folder,
    })
    assert.equal(status, 1)
    assert.match(stderr, /cannot get at .*EROFS[\s\S]*hint: that file system is read-only/)
  })

  test('a disk that is full, at whatever moment, leaves everything as it was', async () => {
    const lacre = join(import.meta.dirname, '../../bin/lacre')
    // as many inodes as there are files, and a few more: for a folder of the journal, for all of it, for a certificate or two
    const script = `full=$((1 + $(find root | wc -l))); mkdir -p full
      for more in 0 1 2 3 4 5 6 7 8; do
        mount -t tmpfs -o nr_inodes=$((full + more)) full full && cp -a root/. full
        ${lacre} docker-tls install-daemon --root full; diff -r root full && echo same; umount full
      done`
    const { stdout, stderr } = await run('unshare', ['--mount', 'sh', '-c', script], { cwd: machine.folder })
    assert.equal(stdout, 'same\n'.repeat(9), stderr)
    const told = /(?:cannot get at \S+: ENOSPC.*\nhint: the disk is full|there is no space left for \S+\nhint: make some)/g
    assert.equal([...stderr.matchAll(told)].length, 9, stderr)
  })

  test('a user who may not write there is told to be root', async () => {
    await chmod(machine.folder, 0o755)
    await runOk('chmod', ['-R', 'a+rX', machine.at('docker-ca')])
    const lacre = join(import.meta.dirname, '../../src/main.ts')
    const words = ['--reuid=65534', '--clear-groups', process.execPath, lacre, 'docker-tls', 'install-daemon', '--root', 'root']
    const { status, stderr } = await run('setpriv', words, { cwd: machine.folder })
    assert.equal(status, 1)
    assert.match(stderr, /EACCES[\s\S]*hint: run it as a user who may/)
  })

  test('what root has installed, others may neither see nor undo, but what they did themselves they may', async () => {
    const asNobody = (...args: string[]) => {
      const words = ['--reuid=65534', '--clear-groups', process.execPath, join(import.meta.dirname, '../../src/main.ts'), 'docker-tls', ...args]
      return run('setpriv', words, { cwd: machine.folder })
    }
    await machine.installDaemon()
    await mkdir(machine.at('theirs'))
    await runOk('chown', ['65534', machine.at('theirs')])
    await runOk('chmod', ['-R', 'a+rX', machine.at('docker-ca')])
    const reinstalled = await asNobody('install-daemon', '--root', 'root')
    assert.match(reinstalled.stderr, /EACCES[\s\S]*hint: run it as a user who may/)
    assert.equal((await asNobody('init', '--ip', '192.0.2.1', '--no-passphrase', '--dir', 'theirs/ca')).status, 0)
    assert.match((await asNobody('undo', '--root', 'root', '--dir', 'theirs/ca')).stdout, /^took back docker-tls init/)
    assert.match((await asNobody('undo', '--root', 'root', '--dir', 'theirs/ca')).stderr, /nothing to undo[\s\S]*with sudo/)
    await machine.ok('undo', '--root', 'root')
  })

  test('--dry-run shows every file and diff but no private key, and writes nothing', async () => {
    const before = await runOk('tar', ['-C', machine.folder, '--sort=name', '--mtime=@0', '-cf', '-', '.'])
    const shown = await machine.ok('install-daemon', '--root', 'root', '--dry-run')
    assert.match(shown, /write .*server-key\.pem \(mode 0400\)\n {2}\(a private key: not shown\)/)
    assert.match(shown, /^ {2}\+ExecStart=$/m)
    assert.match(shown, /^ {2}\+ {2}"tlsverify": true,$/m)
    assert.doesNotMatch(shown, /BEGIN PRIVATE KEY/)
    for (const command of [['init', '--ip', '192.0.2.9'], ['client', 'alice', '--install'], ['renew', '--all'], ['undo']])
      await machine.ok(...command, '--dry-run')
    assert.equal(await runOk('tar', ['-C', machine.folder, '--sort=name', '--mtime=@0', '-cf', '-', '.']), before)
  })
})
