import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLedger } from '../../test/support/ledger-file.ts'
import { createAuthority } from './authority.ts'
import type { Problem } from './certificate-problems.ts'
import { OwnRenewal, type OwnRenewalOptions } from './own-renewal.ts'
import { parseRevokedCertificates } from './revoked-certificates.ts'
import { ensureServerCertificate } from './self-made.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const START = Date.UTC(2030, 0, 1)

/** The folder of an authority with a server's certificate, and a clock that the test moves. */
class Stage implements AsyncDisposable {
  readonly folder: string
  readonly events: string[] = []
  readonly notices: string[] = []
  now = START

  constructor(folder: string) {
    this.folder = folder
  }

  static async set({ passphrase }: { passphrase?: string } = {}): Promise<Stage> {
    const stage = new Stage(await mkdtemp(join(tmpdir(), 'lacre-renewal-')))
    using ledger = openLedger(stage.directory)
    const options = {
      directory: stage.directory,
      ledger,
      now: () => stage.now,
      ...(passphrase !== undefined && { passphrase, askPassphrase: async () => passphrase }),
    }
    if (passphrase !== undefined) await createAuthority({ ...options, name: 'lacre test' })
    await ensureServerCertificate({ ...options, names: ['registry.test', '192.0.2.1'] })
    return stage
  }

  get directory(): string {
    return join(this.folder, 'pki')
  }

  renewal(options: Partial<OwnRenewalOptions> = {}): OwnRenewal {
    const report = {
      renewed: (what: string) => void this.events.push(`${what} renewed`),
      failed: (what: string, _error: Error, retryAt: Date) => void this.events.push(`${what} failed, again in ${(retryAt.getTime() - this.now) / HOUR_MS} h`),
      noticed: ({ id }: Problem) => void this.notices.push(id),
      seen: () => undefined,
    }
    const world = { now: () => this.now, sleep: async () => undefined }
    return new OwnRenewal(
      { directory: this.directory, openLedger: () => openLedger(this.directory), isOnline: true, isServed: true, ...options },
      report,
      world,
    )
  }

  async server(): Promise<X509Certificate> {
    return new X509Certificate(await readFile(join(this.directory, 'server/server.crt')))
  }

  /** Steps as the renewal itself wants to, for so many days. */
  async live(renewal: OwnRenewal, days: number): Promise<void> {
    for (const end = this.now + days * DAY_MS; this.now < end; ) this.now += await renewal.step()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true })
  }
}

const idsOf = (renewal: OwnRenewal): string[] => renewal.problems().map(({ id }) => id)

test('the certificate is renewed at two thirds of its life, with the same names and key, and never sooner', async () => {
  await using stage = await Stage.set()
  const renewal = stage.renewal()
  const first = await stage.server()
  await stage.live(renewal, 59)
  assert.equal((await stage.server()).fingerprint256, first.fingerprint256)
  await stage.live(renewal, 5)
  const second = await stage.server()
  assert.notEqual(second.fingerprint256, first.fingerprint256)
  assert.deepEqual([second.subject, second.subjectAltName], [first.subject, first.subjectAltName])
  assert.ok(second.publicKey.equals(first.publicKey))
  assert.deepEqual(renewal.problems(), [])
})

test('the revocation list is made at the start, and anew each day', async () => {
  await using stage = await Stage.set()
  await stage.live(stage.renewal(), 10)
  assert.deepEqual([...new Set(stage.events)], ['revocation list renewed'])
  assert.equal(Math.round(stage.events.length / 10), 1)
  const [list] = parseRevokedCertificates(await readFile(join(stage.directory, 'crl.pem')), 'crl.pem')
  assert.ok((list?.nextUpdate?.getTime() ?? 0) > stage.now + 28 * DAY_MS)
})

test('nothing is done twice: a second look at the same moment renews nothing', async () => {
  await using stage = await Stage.set()
  const renewal = stage.renewal()
  await renewal.step()
  const before = stage.events.length
  await renewal.step()
  assert.equal(stage.events.length, before)
})

test('a server that was off for half a year renews at its first look', async () => {
  await using stage = await Stage.set()
  stage.now += 180 * DAY_MS
  await stage.renewal().step()
  assert.ok((await stage.server()).validToDate.getTime() > stage.now + 89 * DAY_MS)
})

test('what fails is tried again, less and less often, is told of, and mends itself', async () => {
  await using stage = await Stage.set()
  const renewal = stage.renewal()
  await renewal.step()
  await rename(join(stage.directory, 'ca/ca.key'), join(stage.directory, 'ca/kept'))
  await writeFile(join(stage.directory, 'ca/ca.key'), '-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n')
  stage.now += 64 * DAY_MS
  stage.events.length = 0
  await stage.live(renewal, 1)
  const failures = stage.events.filter((event) => event.startsWith('certificate'))
  assert.deepEqual(failures.slice(0, 3), [
    'certificate failed, again in 0.08333333333333333 h',
    'certificate failed, again in 1 h',
    'certificate failed, again in 6 h',
  ])
  assert.ok(failures.length <= 7)
  assert.deepEqual(idsOf(renewal), ['renewal-failed', 'renewal-failed'])
  assert.match(renewal.status().lastFailure?.message ?? '', /ca\.key/)
  await rename(join(stage.directory, 'ca/kept'), join(stage.directory, 'ca/ca.key'))
  await stage.live(renewal, 1)
  assert.deepEqual(renewal.problems(), [])
  assert.equal(renewal.status().lastFailure, undefined)
})

test('a file that cannot be read is a problem until it can, and one that is gone until it is back', async () => {
  await using stage = await Stage.set()
  const renewal = stage.renewal()
  const path = join(stage.directory, 'server/server.crt')
  const kept = await readFile(path)
  for (const [spoil, id] of [
    [() => writeFile(path, 'junk'), 'renewal-failed'],
    [() => rm(path), 'certificate-gone'],
  ] as const) {
    await spoil()
    await stage.live(renewal, 0.1)
    assert.deepEqual(idsOf(renewal), [id])
    await writeFile(path, kept)
    await renewal.step()
    assert.deepEqual([idsOf(renewal), renewal.status().lastFailure], [[], undefined])
  }
})

test('an encrypted CA key is used where its passphrase is told', async () => {
  await using stage = await Stage.set({ passphrase: 'correct horse' })
  stage.now += 64 * DAY_MS
  await stage.renewal({ askPassphrase: async (_path, attempt) => (attempt === 1 ? 'correct horse' : undefined) }).step()
  assert.deepEqual(stage.events, ['certificate renewed', 'revocation list renewed'])
})

for (const [what, prepare, options, reason] of [
  ['is not online', async () => undefined, { isOnline: false }, /lacre\.pki\.online is false/],
  ['is not there', (stage: Stage) => rm(join(stage.directory, 'ca/ca.key')), {}, /the CA key is not here/],
] as const) {
  test(`where the CA key ${what} nothing is tried, and 30 days ahead health says so`, async () => {
    await using stage = await Stage.set()
    await prepare(stage)
    const renewal = stage.renewal(options)
    await stage.live(renewal, 59)
    assert.deepEqual([idsOf(renewal), stage.events], [[], []])
    assert.deepEqual(renewal.status(), { canRenew: false })
    await stage.live(renewal, 2)
    assert.deepEqual([idsOf(renewal), stage.notices], [['cannot-renew'], ['cannot-renew']])
    assert.match(renewal.problems()[0]?.sentence ?? '', reason)
  })
}

test('an encrypted CA key whose passphrase nobody tells is as one that is not there', async () => {
  await using stage = await Stage.set({ passphrase: 'correct horse' })
  const renewal = stage.renewal()
  await stage.live(renewal, 61)
  assert.deepEqual([idsOf(renewal), stage.events], [['cannot-renew'], []])
  assert.match(renewal.problems()[0]?.sentence ?? '', /encrypted, and nothing tells its passphrase/)
})

test('half a year before the CA ends health says so, and at its end nothing spins', async () => {
  await using stage = await Stage.set()
  const renewal = stage.renewal()
  stage.now += 3460 * DAY_MS
  await renewal.step()
  assert.deepEqual(idsOf(renewal), [])
  stage.now += 20 * DAY_MS
  await renewal.step()
  assert.deepEqual(idsOf(renewal), ['ca-ends'])
  stage.now = START + 3649 * DAY_MS
  await renewal.step()
  stage.events.length = 0
  await stage.live(renewal, 0.5)
  assert.deepEqual(stage.events, [])
})

test('a certificate of a CA that was replaced is issued anew at once', async () => {
  await using stage = await Stage.set()
  await stage.renewal().step()
  {
    using ledger = openLedger(stage.directory)
    await createAuthority({ directory: stage.directory, ledger, name: 'another', now: () => stage.now, replace: true })
  }
  stage.events.length = 0
  await stage.renewal().step()
  assert.deepEqual(stage.events, ['certificate renewed', 'revocation list renewed'])
})

test('a certificate that is not served is left alone, and nobody is told of its end', async () => {
  await using stage = await Stage.set()
  const renewal = stage.renewal({ isServed: false })
  const first = await stage.server()
  await stage.live(renewal, 80)
  assert.equal((await stage.server()).fingerprint256, first.fingerprint256)
  assert.deepEqual([[...new Set(stage.events)], idsOf(renewal), renewal.status()], [['revocation list renewed'], [], { canRenew: true }])
})

test('without a CA there is nothing to do', async () => {
  await using stage = new Stage(await mkdtemp(join(tmpdir(), 'lacre-renewal-')))
  const renewal = stage.renewal()
  assert.equal(await renewal.step(), HOUR_MS)
  assert.deepEqual([renewal.problems(), stage.events], [[], []])
})
