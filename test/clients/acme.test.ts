import assert from 'node:assert/strict'
import type { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect } from 'node:tls'
import { type CommandResult, run, runOk } from './support/command.ts'
import { type Pebble, startPebble, until } from './support/pebble.ts'
import { digestOf, send } from './support/registry-client.ts'
import { distribution, ROOT, type RunningServer, startServer, underTest } from './support/registry-server.ts'

const NAME = 'registry.example.com'

let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-acme-'))
})

after(() => rm(folder, { recursive: true, force: true }))

/** `lacre serve` with Distribution's keys for ACME, and ours. */
function start(pebble: Pebble, data: string, keys: { readonly hosts?: readonly string[]; readonly acme?: string } = {}): Promise<RunningServer> {
  const { hosts = [NAME], acme = '' } = keys
  const configuration = `version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${join(folder, data)}}}
http:
  addr: 127.0.0.1:${pebble.ports.https}
  debug: {addr: "127.0.0.1:0", prometheus: {enabled: true}}
  tls:
    letsencrypt: {email: admin@example.com, hosts: [${hosts.map((host) => JSON.stringify(host)).join(', ')}], directoryurl: "${pebble.directoryUrl}"}
lacre: {acme: {cafile: ${pebble.authority}, httpaddr: "127.0.0.1:${pebble.ports.http}"${acme}}}
`
  return underTest.start({ configuration, folder: join(folder, data), endpoint: { url: `https://127.0.0.1:${pebble.ports.https}` } })
}

/** The certificate that clients are shown. */
function shown({ ports }: Pebble, servername = NAME): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: ports.https, servername, rejectUnauthorized: false }, () => {
      const certificate = socket.getPeerX509Certificate()
      socket.destroy()
      if (certificate) resolve(certificate)
    }).on('error', reject)
  })
}

/** Waits for a certificate of pebble's, other than `former`. */
function issued(pebble: Pebble, server: RunningServer, former = ''): Promise<X509Certificate> {
  const look = async () => {
    const certificate = await shown(pebble)
    assert.match(certificate.issuer, /Pebble Intermediate/)
    assert.notEqual(certificate.fingerprint256, former)
    return certificate
  }
  return until(look, () => server.output() + pebble.output())
}

function curl(pebble: Pebble, ...args: readonly string[]): Promise<CommandResult> {
  const resolve = [pebble.ports.https, pebble.ports.http].flatMap((port) => ['--resolve', `*:${port}:127.0.0.1`])
  return run('curl', ['--silent', '--show-error', '--fail', '--cacert', pebble.root, ...resolve, ...args])
}

const orders = (pebble: Pebble): number => pebble.output().match(/POST \/order-plz/g)?.length ?? 0

describe('ACME', { skip: underTest === distribution }, () => {
  for (const [challenge, hosts] of [
    ['http-01', [NAME, 'mirror.example.com']],
    ['tls-alpn-01', [NAME, 'mirror.example.com', '127.0.0.1']],
  ] as const) {
    test(`${challenge} gets a certificate for ${hosts.join(', ')}, and a restart keeps it`, async () => {
      const data = challenge
      await using pebble = await startPebble(await place(`pebble-${challenge}`))
      const server = await start(pebble, data, { hosts, acme: `, challenge: ${challenge}` })
      const certificate = await issued(pebble, server)
      assert.match(server.output(), /a certificate that nobody signed is served until/)
      for (const host of hosts) assert.equal((await curl(pebble, `https://${host}:${pebble.ports.https}/v2/`)).stdout.trim(), '{}', host)
      assert.equal(await server.stop(), 0)
      const ordered = orders(pebble)
      const again = await start(pebble, data, { hosts, acme: `, challenge: ${challenge}` })
      assert.equal((await shown(pebble)).fingerprint256, certificate.fingerprint256)
      assert.equal(await again.stop(), 0)
      assert.equal(orders(pebble), ordered)
    })
  }

  test('the listener of http-01 sends everybody else to HTTPS, and nobody to another host', async () => {
    await using pebble = await startPebble(await place('pebble-redirect'))
    const server = await start(pebble, 'redirect', { acme: ', challenge: http-01' })
    await issued(pebble, server)
    const plain = `http://${NAME}:${pebble.ports.http}`
    const followed = await curl(pebble, '--location', '--write-out', '%{url_effective}', `${plain}/v2/?n=1`)
    assert.equal(followed.stdout.trim(), `{}https://${NAME}:${pebble.ports.https}/v2/?n=1`)
    assert.match((await curl(pebble, '-H', 'Host: evil.example.com', `${plain}/v2/`)).stderr, /404/)
    assert.match((await curl(pebble, '-d', 'x=1', `${plain}/v2/`)).stderr, /405/)
    assert.equal(await server.stop(), 0)
  })

  test('a server that knows its customers gives a certificate for their key', async () => {
    const hmacKey = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'
    await using pebble = await startPebble(await place('pebble-eab'), { bindings: { 'kid-1': hmacKey } })
    const [right, wrong] = [join(folder, 'right'), join(folder, 'wrong')]
    await writeFile(right, `${hmacKey}\n`, { mode: 0o600 })
    await writeFile(wrong, `${'A'.repeat(64)}\n`, { mode: 0o600 })
    for (const [data, eab, refusal] of [
      ['eab-none', '', /externalAccountRequired.*remedy=.*lacre\.acme\.eab\.kid/],
      ['eab-wrong', `, eab: {kid: kid-1, hmackeyfile: ${wrong}}`, /answers 40\d to \/sign-me-up/],
    ] as const) {
      const refused = await start(pebble, data, { acme: eab })
      await until(async () => assert.match(refused.output(), refusal), refused.output)
      assert.equal(await refused.stop(), 0)
    }
    const server = await start(pebble, 'eab-right', { acme: `, eab: {kid: kid-1, hmackeyfile: ${right}}` })
    await issued(pebble, server)
    assert.ok(!server.output().includes(hmacKey))
    assert.equal(await server.stop(), 0)
  })

  test('for a name that leads elsewhere no certificate is issued: the old one is served, and a restart does not try again', async () => {
    await using pebble = await startPebble(await place('pebble-wrong'))
    const server = await start(pebble, 'elsewhere')
    const certificate = await issued(pebble, server)
    assert.equal(await server.stop(), 0)

    await pebble.resolve('wrong.example.com', '127.0.0.99')
    const hosts = [NAME, 'wrong.example.com']
    const failing = await start(pebble, 'elsewhere', { hosts })
    const refusal = /could not see by tls-alpn-01 that wrong\.example\.com leads here: .*127\.0\.0\.99.*remedy=.*DNS.*retryAt=/
    await until(async () => assert.match(failing.output(), refusal), failing.output)
    assert.equal((await shown(pebble)).fingerprint256, certificate.fingerprint256)
    assert.equal((await curl(pebble, `https://${NAME}:${pebble.ports.https}/v2/`)).status, 0)
    assert.match((await curl(pebble, `https://${NAME}:${pebble.ports.https}/readyz`)).stdout, /no certificate could be had for registry\.example\.com, wrong/)
    const metrics = (await curl(pebble, `https://${NAME}:${pebble.ports.https}/metrics`)).stdout
    assert.match(metrics, /^registry_acme_orders_total\{outcome="failed"\} 1$/m)
    assert.match(metrics, /^registry_acme_last_failure_timestamp_seconds 1\d{9}/m)
    assert.equal(await failing.stop(), 0)

    const ordered = orders(pebble)
    const again = await start(pebble, 'elsewhere', { hosts })
    assert.equal((await shown(pebble)).fingerprint256, certificate.fingerprint256)
    assert.match(again.output(), /no certificate could be had .*wrong\.example\.com.*next try .*remedy=.*schedule\.json/)
    assert.equal(await again.stop(), 0)
    assert.equal(orders(pebble), ordered)
  })

  test('a certificate is renewed under way: a pull of 300 MB goes on across the change, new connections see the new one', async () => {
    await using pebble = await startPebble(await place('pebble-renewal'), { validitySeconds: 15 })
    const server = await start(pebble, 'renewal')
    await issued(pebble, server)
    const bytes = Buffer.alloc(300_000_000, 'lacre')
    const digest = digestOf(bytes)
    const begun = await send({ ...server.endpoint, isUnverified: true }, { method: 'POST', path: '/v2/big/blobs/uploads/' })
    const location = String(begun.headers.location)
    const path = `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`
    assert.equal((await send({ ...server.endpoint, isUnverified: true }, { method: 'PUT', path, body: bytes })).status, 201)
    const first = await shown(pebble)
    const target = join(folder, 'pulled')
    let isPulling = true
    const url = `https://${NAME}:${pebble.ports.https}/v2/big/blobs/${digest}`
    const pull = curl(pebble, '--insecure', '--limit-rate', '24M', '--output', target, url).finally(() => {
      isPulling = false
    })
    const second = await issued(pebble, server, first.fingerprint256)
    assert.ok(isPulling, 'the pull was over before the certificate changed')
    assert.ok(!second.publicKey.equals(first.publicKey))
    assert.deepEqual([(await pull).status, digestOf(await readFile(target))], [0, digest])
    assert.match(server.output(), /the changed TLS files are served from now on/)
    assert.equal(await server.stop(), 0)
  })

  test('variables of registry:3 are enough, with its folder for what is kept', async () => {
    await using pebble = await startPebble(await place('pebble-variables'))
    const cache = join(folder, 'letsencrypt')
    const environment = {
      REGISTRY_HTTP_ADDR: `127.0.0.1:${pebble.ports.https}`,
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: join(folder, 'variables'),
      REGISTRY_HTTP_TLS_LETSENCRYPT_CACHEFILE: cache,
      REGISTRY_HTTP_TLS_LETSENCRYPT_EMAIL: 'admin@example.com',
      REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS: `[${NAME}]`,
      REGISTRY_HTTP_TLS_LETSENCRYPT_DIRECTORYURL: pebble.directoryUrl,
      REGISTRY_LACRE_ACME_CAFILE: pebble.authority,
    }
    const server = await underTest.start({ environment, folder, endpoint: { url: `https://127.0.0.1:${pebble.ports.https}` } })
    await issued(pebble, server)
    assert.equal(await server.stop(), 0)
    const kept = join(cache, `${new URL(pebble.directoryUrl).host.replace(':', '_')}_dir`)
    for (const name of ['account.key', 'certificate.pem', 'schedule.json']) assert.equal((await stat(join(kept, name))).mode & 0o777, 0o600, name)
    await runOk('openssl', ['verify', '-CAfile', pebble.root, '-untrusted', join(kept, 'certificate.pem'), join(kept, 'certificate.pem')])
  })
})

describe('lacre up --acme', { skip: underTest === distribution }, () => {
  test('it serves at once, and has the certificate issued by http-01 where the port is not 443', async () => {
    await using pebble = await startPebble(await place('pebble-up'))
    const { https, http } = pebble.ports
    const ours = ['--acme', 'admin@example.com', '--acme-http-port', String(http), '--acme-directory', pebble.directoryUrl, '--acme-ca', pebble.authority]
    const args = ['up', NAME, '--port', String(https), '--data', join(folder, 'up'), ...ours]
    const server = await startServer(join(ROOT, 'bin/lacre'), args, { endpoint: { url: `https://127.0.0.1:${https}` } })
    await issued(pebble, server)
    await until(async () => assert.match(server.output(), /has issued the certificate/), server.output)
    const password = /password +(\S+)/.exec(server.output())?.[1] ?? ''
    assert.match(server.output(), new RegExp(`issuer +${pebble.directoryUrl}, by http-01`))
    assert.doesNotMatch(server.output(), /authority|certs\.d/)
    assert.equal((await curl(pebble, '--user', `admin:${password}`, `https://${NAME}:${https}/v2/`)).stdout.trim(), '{}')
    assert.equal(await server.stop(), 0)
  })
})

async function place(name: string): Promise<string> {
  return mkdtemp(join(folder, `${name}-`))
}
