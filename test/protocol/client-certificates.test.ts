import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { rename, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { TurnedAway } from '../../src/http/client-gate.ts'
import type { TlsSettings } from '../../src/http/tls.ts'
import { TlsFiles, type TlsFilesOptions } from '../../src/http/tls-files.ts'
import type { Problem } from '../../src/pki/certificate-problems.ts'
import { CertificateFolder, type TestCertificate, type TestCertificateOptions } from '../support/certificates.ts'
import { startRegistry } from '../support/registry.ts'

const DAY_MS = 24 * 60 * 60 * 1000

interface Answer {
  readonly status: number
  readonly code?: string
  readonly message?: string
  readonly detail?: { readonly reason: string; readonly remedy: string } & Record<string, string>
  readonly headers: IncomingMessage['headers']
  /** Whether it came on a connection that was open already. */
  readonly isReused: boolean
}

/** A registry that knows the client CA `authority`, and looks at its files only when a request or the test makes it. */
class Site implements AsyncDisposable {
  readonly folder: CertificateFolder
  readonly server: TestCertificate
  readonly authority: TestCertificate
  readonly problems: Problem[] = []
  readonly turnedAway: TurnedAway[] = []
  tls!: TlsFiles
  #registry!: Awaited<ReturnType<typeof startRegistry>>

  constructor(folder: CertificateFolder, server: TestCertificate, authority: TestCertificate) {
    this.folder = folder
    this.server = server
    this.authority = authority
  }

  static async open(settings: Partial<TlsSettings> = {}, prepare?: (site: Site) => Promise<Partial<TlsSettings & TlsFilesOptions>>): Promise<Site> {
    const folder = await CertificateFolder.make()
    const authority = await folder.issue('client-ca', { profile: 'authority', names: [] })
    const site = new Site(folder, await folder.issue('server'), authority)
    const prepared = (await prepare?.(site)) ?? {}
    await site.#serve({ clientcas: [authority.certificate], ...settings, ...prepared }, prepared)
    return site
  }

  async #serve(settings: Partial<TlsSettings>, options: TlsFilesOptions): Promise<void> {
    const ears = { onProblem: (problem: Problem) => this.problems.push(problem), onTurnedAway: (client: TurnedAway) => this.turnedAway.push(client) }
    this.tls = await new TlsFiles({ ...this.server, ...settings }, { pollMs: DAY_MS, ...ears, ...options }).open()
    this.#registry = await startRegistry({ tls: this.tls })
  }

  client(name: string, options: TestCertificateOptions = {}): Promise<TestCertificate> {
    return this.folder.issue(name, { profile: 'client', names: [], issuer: this.authority, ...options })
  }

  get crl(): string {
    return join(this.folder.path, 'crl.pem')
  }

  /** Puts a list in place as programs do: beside, then by a rename. */
  async revoke(
    revoked: readonly TestCertificate[],
    { issuer = this.authority, nextUpdate }: { issuer?: TestCertificate; nextUpdate?: Date } = {},
  ): Promise<void> {
    await writeFile(`${this.crl}.new`, this.folder.revocationList(issuer, revoked, nextUpdate).pem)
    await rename(`${this.crl}.new`, this.crl)
  }

  async ask(client: TestCertificate | undefined, { path = '/v2/', agent = false }: { path?: string; agent?: Agent | false } = {}): Promise<Answer> {
    const identity = client ? { cert: client.cert, key: client.keyText } : {}
    const sent = request({ host: '127.0.0.1', port: this.#registry.port, path, ca: this.server.cert, agent, ...identity })
    sent.end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    const body = await text(response)
    const [error] = response.headers['content-type'] === 'application/json' ? ((JSON.parse(body) as { errors?: Answer[] }).errors ?? []) : []
    return { ...error, status: response.statusCode ?? 0, headers: response.headers, isReused: sent.reusedSocket }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry?.[Symbol.asyncDispose]()
    await this.tls?.[Symbol.asyncDispose]()
    await this.folder[Symbol.asyncDispose]()
  }
}

const over = { notBefore: new Date(Date.now() - 2 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) }
const early = { notBefore: new Date(Date.now() + DAY_MS), notAfter: new Date(Date.now() + 2 * DAY_MS) }

for (const [what, make, status, reason, words] of [
  ['none', async () => undefined, 401, 'missing', /asks for a client certificate of a CA that it knows, and none was sent/],
  ['a good one', (site: Site) => site.client('alice'), 200, undefined, undefined],
  [
    "a stranger's",
    (site: Site) => site.folder.issue('mallory', { profile: 'client', names: [] }),
    403,
    'foreign',
    /"CN=mallory" is of a CA that this registry does not know/,
  ],
  ['one that is over', (site: Site) => site.client('late', over), 403, 'expired', /"CN=late" expired on \d{4}-/],
  ['one of tomorrow', (site: Site) => site.client('early', early), 403, 'not-yet-valid', /is not valid before/],
  ["a server's", (site: Site) => site.client('web', { profile: 'server' }), 403, 'wrong-purpose', /lacks clientAuth/],
] as const) {
  test(`with http.tls.explain ${what} is answered with ${status}${reason ? ` and the reason, ${reason}` : ''}`, async () => {
    await using site = await Site.open({ explain: true })
    const answer = await site.ask(await make(site))
    assert.equal(answer.status, status)
    assert.equal(answer.detail?.reason, reason)
    if (words) assert.match(answer.message ?? '', words)
    if (reason) assert.ok((answer.detail?.remedy ?? '').length > 20)
    assert.deepEqual(
      site.turnedAway.map((client) => client.reason),
      reason ? [reason] : [],
    )
  })
}

test('a 401 for want of a certificate names what it wants, as HTTP has it', async () => {
  await using site = await Site.open({ explain: true })
  const { code, headers } = await site.ask(undefined)
  assert.deepEqual([code, headers['www-authenticate']], ['UNAUTHORIZED', 'ClientCertificate'])
})

test('health needs no certificate where reasons are given, but nothing else is open', async () => {
  await using site = await Site.open({ explain: true })
  const paths = ['/healthz', '/readyz', '/', '/v2/', '/v2/_catalog', '/v2/a/manifests/b', '/nothing']
  const statuses = await Promise.all(paths.map(async (path) => [path, (await site.ask(undefined, { path })).status]))
  assert.deepEqual(Object.fromEntries(statuses), {
    '/healthz': 200,
    '/readyz': 200,
    '/': 401,
    '/v2/': 401,
    '/v2/_catalog': 401,
    '/v2/a/manifests/b': 401,
    '/nothing': 401,
  })
})

test('verify-client-cert-if-given with explain lets in who shows none, and tells a stranger why not', async () => {
  await using site = await Site.open({ explain: true, clientauth: 'verify-client-cert-if-given' })
  const mallory = await site.folder.issue('mallory', { profile: 'client', names: [] })
  assert.deepEqual([(await site.ask(undefined)).status, (await site.ask(mallory)).status], [200, 403])
})

for (const explain of [true, false]) {
  test(`a certificate is refused from the first request after its revocation, on an open connection ${explain ? 'with' : 'without'} explain`, async () => {
    await using site = await Site.open({ explain }, async (opening) => {
      await opening.revoke([])
      return { crls: [opening.crl] }
    })
    const [alice, bob] = [await site.client('alice'), await site.client('bob')]
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    assert.equal((await site.ask(alice, { agent })).status, 200)
    await site.revoke([alice])
    const refused = await site.ask(alice, { agent })
    assert.equal(refused.isReused, true)
    assert.deepEqual([refused.status, refused.code, refused.detail?.reason], [403, 'DENIED', 'revoked'])
    assert.equal(refused.detail?.['serial'], new X509Certificate(alice.cert).serialNumber)
    assert.equal((await site.ask(bob)).status, 200)
    await site.revoke([])
    assert.equal((await site.ask(alice, { agent })).status, 200)
    agent.destroy()
  })
}

test('a list as DER is taken too', async () => {
  await using site = await Site.open()
  const alice = await site.client('alice')
  const path = join(site.folder.path, 'crl.der')
  await writeFile(path, site.folder.revocationList(site.authority, [alice]).der)
  await using other = await new TlsFiles({ ...site.server, clientcas: [site.authority.certificate], crls: [path] }, { pollMs: DAY_MS }).open()
  assert.deepEqual(other.problems(), [])
})

test('an intermediate CA that its root has revoked lets nobody in', async () => {
  const made: { middle?: TestCertificate } = {}
  await using site = await Site.open({ explain: true }, async (opening) => {
    made.middle = await opening.folder.issue('middle', { profile: 'authority', names: [], issuer: opening.authority })
    await opening.revoke([made.middle])
    return { crls: [opening.crl], clientcas: [opening.authority.certificate, made.middle.certificate] }
  })
  assert.ok(made.middle)
  const carol = await site.client('carol', { issuer: made.middle })
  assert.equal((await site.ask(carol)).detail?.reason, 'revoked')
})

test('a list that is over stays in force, locks nobody else out, and is told of', async () => {
  await using site = await Site.open({}, async (opening) => {
    await opening.revoke([])
    return { crls: [opening.crl] }
  })
  const [alice, bob] = [await site.client('alice'), await site.client('bob')]
  await site.revoke([alice], { nextUpdate: new Date(Date.now() - 1000) })
  assert.deepEqual([(await site.ask(alice)).status, (await site.ask(bob)).status], [403, 200])
  await site.tls.look()
  assert.deepEqual(
    site.problems.map(({ id }) => id),
    ['crl-over'],
  )
})

for (const [what, damage] of [
  ['is gone', (site: Site) => rm(site.crl)],
  ['is none any more', (site: Site) => writeFile(site.crl, 'no list')],
  ['is of another CA', async (site: Site) => site.revoke([], { issuer: await site.folder.issue('other-ca', { profile: 'authority', names: [] }) })],
] as const) {
  test(`when a list ${what} the last one stays in force, which health says until it is mended`, async () => {
    const made: { alice?: TestCertificate } = {}
    await using site = await Site.open({}, async (opening) => {
      made.alice = await opening.client('alice')
      await opening.revoke([made.alice])
      return { crls: [opening.crl] }
    })
    await damage(site)
    assert.equal((await site.ask(made.alice)).status, 403)
    await site.tls.look()
    assert.deepEqual(
      site.tls.problems().map(({ id }) => id),
      ['crl-refused'],
    )
    await site.revoke([])
    assert.equal((await site.ask(made.alice)).status, 200)
    assert.deepEqual(site.tls.problems(), [])
  })
}

test('a list that no client CA has signed is refused at the start', async () => {
  await assert.rejects(
    Site.open({}, async (opening) => {
      await opening.revoke([], { issuer: await opening.folder.issue('other-ca', { profile: 'authority', names: [] }) })
      return { crls: [opening.crl] }
    }),
    { name: 'CertificateError', message: /signed by none of the CAs in http\.tls\.clientcas/ },
  )
})

test("the list of lacre's own CA is used from when it is first there, and only where that CA is a client CA", async () => {
  const ownCrl = async (opening: Site) => ({ ownLists: [{ path: opening.crl }] })
  await using site = await Site.open({}, ownCrl)
  const alice = await site.client('alice')
  assert.equal((await site.ask(alice)).status, 200)
  await site.revoke([alice])
  assert.equal((await site.ask(alice)).status, 403)
  const foreign = await site.folder.issue('other-ca', { profile: 'authority', names: [] })
  await using other = await new TlsFiles({ ...site.server, clientcas: [foreign.certificate] }, { pollMs: DAY_MS, ownLists: [{ path: site.crl }] }).open()
  assert.deepEqual(other.problems(), [])
})

test('a client CA that is taken away takes its clients with it, those on open connections too', async () => {
  await using site = await Site.open()
  const alice = await site.client('alice')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  assert.equal((await site.ask(alice, { agent })).status, 200)
  const next = await site.folder.issue('next-ca', { profile: 'authority', names: [] })
  const bob = await site.folder.issue('bob', { profile: 'client', names: [], issuer: next })
  await writeFile(site.authority.certificate, next.cert)
  await site.tls.look()
  const { detail, isReused } = await site.ask(alice, { agent })
  assert.deepEqual([detail?.reason, isReused], ['foreign', true])
  assert.equal((await site.ask(bob)).status, 200)
  agent.destroy()
})

test('a certificate that ends while its connection is open is refused from then on', async () => {
  const clock = { now: Date.now() }
  await using site = await Site.open({}, async () => ({ now: () => clock.now }))
  const alice = await site.client('alice')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  assert.equal((await site.ask(alice, { agent })).status, 200)
  clock.now += 61 * DAY_MS
  assert.equal((await site.ask(alice, { agent })).detail?.reason, 'expired')
  agent.destroy()
})

test('where clients show certificates, no session is taken up again without them', async () => {
  await using site = await Site.open()
  const alice = await site.client('alice')
  const agent = new Agent({ maxCachedSessions: 10 })
  const reused: boolean[] = []
  agent.on('free', (socket: TLSSocket) => reused.push(socket.isSessionReused()))
  for (let round = 0; round < 2; round++) assert.equal((await site.ask(alice, { agent })).status, 200)
  assert.ok(!reused.includes(true))
  agent.destroy()
})
