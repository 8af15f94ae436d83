import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { lacre } from '../cli/support/lacre.ts'
import { type Authority, type Certificate, makeAuthority, makeClientCertificate, makeSignedCertificate, writeRevocationList } from './support/certificates.ts'
import { type Clients, openClients, trust } from './support/clients.ts'
import { type CommandResult, run, runOk } from './support/command.ts'
import { type Containerd, startContainerd } from './support/containerd.ts'
import { type DockerDaemon, startDockerDaemon } from './support/docker-daemon.ts'
import { password, startDocumented, user } from './support/documented-registry.ts'
import { addHostNames, hostName } from './support/host-names.ts'
import { type Images, makeImages } from './support/images.ts'
import { freePort, type RunningServer } from './support/registry-server.ts'

/** `http.tls.explain` and `http.tls.crls`: what docker, skopeo, podman, containerd and curl say, with certificates and lists made by openssl. */
let folder: string
let host: string
let clients: Clients
let daemon: DockerDaemon
let containerd: Containerd
let server: RunningServer
let images: Images
let certificate: Certificate
let authority: Authority
let rogue: Authority
let people: Readonly<Record<'alice' | 'bob' | 'late' | 'mallory' | 'web', Certificate>>

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-explained-'))
  await addHostNames()
  images = await makeImages(join(folder, 'images'))
  clients = await openClients(join(folder, 'clients'))
  certificate = await makeSignedCertificate(join(folder, 'certs'), [hostName])
  authority = { folder: join(folder, 'certs'), certificate: certificate.ca, key: join(folder, 'certs/ca.key') }
  rogue = await makeAuthority(join(folder, 'rogue'), 'rogue')
  people = {
    alice: await makeClientCertificate(authority, 'alice'),
    bob: await makeClientCertificate(authority, 'bob'),
    late: await makeClientCertificate(authority, 'late', { days: -1 }),
    mallory: await makeClientCertificate(rogue, 'mallory'),
    web: await makeClientCertificate(authority, 'web', { purpose: 'serverAuth' }),
  }
  await lacreOk('ca', 'init', '--no-passphrase')
  await lacreOk('cert', 'issue', 'client', 'dora')
  await lacreOk('ca', 'crl')
  server = await startServer()
  daemon = await startDockerDaemon(join(folder, 'docker'))
  containerd = await startContainerd(join(folder, 'containerd'))
  await using _ = await trust(host, certificate.caPem, people.alice)
  ok(await clients.login('skopeo', host, user, password))
  ok(await daemon.docker(['login', '-u', user, '--password-stdin', host], password))
  ok(await clients.skopeo('copy', `oci:${images.small}:v2`, `docker://${host}/team/small:v2`))
})

after(async () => {
  await containerd?.stop()
  await daemon?.stop()
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Runs a command of lacre on a CA of its own. */
async function lacreOk(...args: string[]): Promise<void> {
  const { status, stderr } = await lacre([...args, '--pki', pki()])
  assert.equal(status, 0, stderr)
}

const pki = (): string => join(folder, 'pki')

/** The client CAs are a file of their own, which a test exchanges. */
const clientCas = (): string => join(folder, 'client-cas.pem')

async function startServer(): Promise<RunningServer> {
  host = `${hostName}:${await freePort('::1')}`
  await writeFile(clientCas(), (await readFile(certificate.ca, 'utf8')) + (await readFile(join(pki(), 'ca/ca.crt'), 'utf8')))
  const identity = { cert: await readFile(people.alice.certificate, 'utf8'), key: await readFile(people.alice.key, 'utf8') }
  const environment = {
    REGISTRY_HTTP_TLS_CLIENTCAS: `[${clientCas()}]`,
    REGISTRY_HTTP_TLS_CRLS: `[${await writeRevocationList(authority)}, ${join(pki(), 'crl.pem')}]`,
    REGISTRY_HTTP_TLS_EXPLAIN: 'true',
  }
  const endpoint = { url: `https://${host}`, ca: certificate.caPem, user, password, ...identity }
  return startDocumented({ dataDir: join(folder, 'data'), certificate, address: host, endpoint, environment })
}

function ok(result: CommandResult): string {
  assert.equal(result.status, 0, `${result.stdout}${result.stderr}\n--- the registry:\n${server.output().slice(-3000)}`)
  return result.stdout
}

function asks(client: Certificate | undefined, ...args: string[]): Promise<CommandResult> {
  const identity = client ? ['--cert', client.certificate, '--key', client.key] : []
  return clients.curl('--cacert', certificate.ca, ...identity, '-u', `${user}:${password}`, ...args)
}

/** Pulls with every program of those that read certs.d; what each has said, in one text where it failed. */
async function pullWithEach(client: Certificate | undefined): Promise<Record<string, string>> {
  await using _ = await trust(host, certificate.caPem, client)
  const image = `${host}/team/small:v2`
  const ctr = ['images', 'pull', '--user', `${user}:${password}`, '--hosts-dir', '/etc/docker/certs.d', image]
  const results = {
    docker: await daemon.docker(['pull', image]),
    skopeo: await clients.skopeo('inspect', `docker://${image}`),
    podman: await clients.podman('pull', '--quiet', image),
    containerd: await containerd.ctr(...ctr),
    curl: await asks(client, '--fail-with-body', `https://${host}/v2/team/small/manifests/v2`),
  }
  return Object.fromEntries(Object.entries(results).map(([name, { status, stdout, stderr }]) => [name, status === 0 ? 'ok' : `${stderr}${stdout}`]))
}

const MISSING = /this registry asks for a client certificate of a CA that it knows, and none was sent/
const UNAUTHORIZED = { docker: MISSING, skopeo: MISSING, podman: MISSING, containerd: /401 Unauthorized/, curl: MISSING }
/** skopeo and podman of Debian 12 tell of a 403 to their first question the number alone. */
const forbidden = (reason: RegExp) => ({ docker: reason, skopeo: /403 \(Forbidden\)/, podman: /403 \(Forbidden\)/, containerd: /403 Forbidden/, curl: reason })
const GOOD = { docker: /^ok$/, skopeo: /^ok$/, podman: /^ok$/, containerd: /^ok$/, curl: /^ok$/ }

const expectations: readonly [what: string, who: keyof typeof people | undefined, expected: Record<string, RegExp>][] = [
  ['good certificate', 'alice', GOOD],
  ['certificate', undefined, UNAUTHORIZED],
  // Programs made with Go send no certificate of a CA that the handshake does not name.
  ["stranger's certificate", 'mallory', { ...UNAUTHORIZED, curl: /is of a CA that this registry does not know \(issuer CN=rogue\)/ }],
  ['certificate that is over', 'late', forbidden(/CN=late\\?" expired on \d{4}-\d\d-\d\dT/)],
  ["server's certificate", 'web', forbidden(/CN=web\\?" is not for clients: its extended key usage lacks clientAuth/)],
]

for (const [what, who, expected] of expectations) {
  test(`with ${who ? 'a' : 'no'} ${what} each program is ${expected === GOOD ? 'let in' : 'told why not'}`, async () => {
    const said = await pullWithEach(who && people[who])
    for (const [program, words] of Object.entries(expected)) assert.match(said[program] ?? '', words, program)
  })
}

test('a certificate that openssl revokes is refused to each program at once, and others are not', async () => {
  assert.equal((await pullWithEach(people.bob))['docker'], 'ok')
  await writeRevocationList(authority, people.bob)
  const said = await pullWithEach(people.bob)
  for (const [program, words] of Object.entries(forbidden(/CN=bob\\?" is revoked/))) assert.match(said[program] ?? '', words, program)
  assert.deepEqual(Object.values(await pullWithEach(people.alice)), ['ok', 'ok', 'ok', 'ok', 'ok'])
})

test('a certificate that lacre has issued is taken from each program, until lacre revokes it', async () => {
  const [certificatePath, keyPath] = ['client.crt', 'client.key'].map((name) => join(pki(), 'issued/dora', name)) as [string, string]
  const dora = { ...people.alice, certificate: certificatePath, key: keyPath }
  assert.deepEqual(Object.values(await pullWithEach(dora)), ['ok', 'ok', 'ok', 'ok', 'ok'])
  await lacreOk('cert', 'revoke', 'dora', '--reason', 'cessationOfOperation')
  const said = await pullWithEach(dora)
  for (const [program, words] of Object.entries(forbidden(/CN=dora\\?" is revoked/))) assert.match(said[program] ?? '', words, program)
})

/** A connection of `openssl s_client` that stays open. */
class OpenConnection implements AsyncDisposable {
  readonly #child: ChildProcess
  #said = ''

  constructor(client: Certificate) {
    const options = ['-cert', client.certificate, '-key', client.key, '-CAfile', certificate.ca, '-verify_return_error', '-quiet']
    this.#child = spawn('openssl', ['s_client', '-connect', host.replace(hostName, '[::1]'), '-servername', hostName, ...options], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text
    })
  }

  /** Sends a request and waits for an answer that holds `words`. */
  async ask(words: RegExp): Promise<void> {
    this.#said = ''
    const credentials = Buffer.from(`${user}:${password}`).toString('base64')
    this.#child.stdin?.write(`GET /v2/ HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Basic ${credentials}\r\n\r\n`)
    while (!words.test(this.#said)) {
      assert.equal(this.#child.exitCode, null, this.#said)
      await Promise.race([once(this.#child.stdout as NodeJS.ReadableStream, 'data'), once(this.#child, 'exit')])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    this.#child.kill()
    await once(this.#child, 'exit')
  }
}

test('a connection of openssl that is open is refused at its first request after the revocation', async () => {
  const carol = await makeClientCertificate(authority, 'carol')
  await using connection = new OpenConnection(carol)
  await connection.ask(/ 200 OK[\s\S]*\{\}/)
  await connection.ask(/ 200 OK[\s\S]*\{\}/)
  await writeRevocationList(authority, carol)
  await connection.ask(/ 403 Forbidden[\s\S]*CN=carol\\" is revoked/)
})

/** Asks again until it is so: the files of TLS are looked at every five seconds. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isSo()); await delay(100)) assert.ok(Date.now() < deadline, 'it does not come about')
}

const statusOf = async (client: Certificate): Promise<string> => (await asks(client, '-o', '/dev/null', '-w', '%{http_code}', `https://${host}/v2/`)).stdout

test('client CAs are exchanged while the registry runs', async () => {
  const both = (await readFile(certificate.ca, 'utf8')) + (await readFile(rogue.certificate, 'utf8'))
  await runOk('sh', ['-c', `cat > ${clientCas()}.new && mv ${clientCas()}.new ${clientCas()}`], { input: both })
  await until(async () => (await statusOf(people.mallory)) === '200')
  assert.equal((await pullWithEach(people.mallory))['podman'], 'ok')
  await copyFile(certificate.ca, `${clientCas()}.new`)
  await rename(`${clientCas()}.new`, clientCas())
  await until(async () => (await statusOf(people.mallory)) === '403')
  assert.equal(await statusOf(people.alice), '200')
})

test('a pull of 300 MB runs on while the certificate is exchanged', async () => {
  const [blob, pulled] = [join(folder, 'blob'), join(folder, 'pulled')]
  await runOk('sh', ['-c', `head -c 300000000 /dev/urandom > ${blob}`])
  const digest = `sha256:${(await runOk('sha256sum', [blob])).slice(0, 64)}`
  const started = ok(await asks(people.alice, '-i', '-X', 'POST', `https://${host}/v2/team/large/blobs/uploads/`))
  const location = /^location: (\S+)/im.exec(started)?.[1] ?? ''
  assert.match(ok(await asks(people.alice, '-i', '-T', blob, `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`)), / 201 /)

  const pull = asks(people.alice, '--limit-rate', '25M', '-o', pulled, `https://${host}/v2/team/large/blobs/${digest}`)
  await until(async () => (await stat(pulled).catch(() => undefined))?.size !== undefined)
  const next = await makeSignedCertificate(join(folder, 'next'), [hostName])
  await copyFile(next.key, certificate.key)
  await copyFile(next.certificate, certificate.certificate)
  const sees = async (ca: string) => (await run('curl', ['--silent', '--cacert', ca, `https://${host}/healthz`])).status === 0
  await until(() => sees(next.ca))
  assert.ok((await stat(pulled)).size < 300_000_000, 'the pull was over before the exchange')
  ok(await pull)
  assert.equal((await runOk('sha256sum', [pulled])).slice(0, 64), digest.slice('sha256:'.length))
  assert.equal(await sees(certificate.ca), false)
})
