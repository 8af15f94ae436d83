import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { AcmeStage } from '../../../test/support/acme-stage.ts'
import { parseCertificateNames } from '../names.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

test('the certificate is renewed after two thirds of its life, with another key', async () => {
  await using stage = await AcmeStage.set()
  const certificate = await stage.open()
  await certificate.step()
  const first = await stage.leaf()
  stage.clock.advance(61 * DAY_MS)
  await certificate.step()
  assert.equal((await stage.leaf()).fingerprint256, first.fingerprint256)
  stage.clock.advance(1 * DAY_MS)
  await certificate.step()
  const second = await stage.leaf()
  assert.notEqual(second.fingerprint256, first.fingerprint256)
  assert.ok(!second.publicKey.equals(first.publicKey))
})

test('a restart neither orders again nor chooses another day', async () => {
  await using stage = await AcmeStage.set()
  await (await stage.open()).step()
  const schedule = await readFile(join(stage.path, 'schedule.json'), 'utf8')
  const again = await stage.open()
  await again.step()
  assert.equal(stage.server.orders.length, 1)
  assert.equal(JSON.parse(schedule).renewal.at, JSON.parse(await readFile(join(stage.path, 'schedule.json'), 'utf8')).renewal.at)
})

test('another name is ordered at once, and until then the old certificate stays', async () => {
  await using stage = await AcmeStage.set()
  await (await stage.open()).step()
  const certificate = await stage.open({ names: parseCertificateNames(['registry.test', 'new.test']) })
  assert.equal((await stage.leaf()).subjectAltName, 'DNS:registry.test')
  await certificate.step()
  assert.equal((await stage.leaf()).subjectAltName, 'DNS:registry.test, DNS:new.test')
})

test('tries come further and further apart, five in the first hour, also across restarts', async () => {
  await using stage = await AcmeStage.set()
  stage.server.validate = () => ({ type: 'dns', detail: 'NXDOMAIN' })
  const tries: number[] = []
  const start = stage.clock.now()
  while (stage.clock.now() < start + DAY_MS) {
    const before = stage.server.orders.length
    const now = stage.clock.now()
    const waitMs = await (await stage.open()).step()
    if (stage.server.orders.length > before) tries.push((now - start) / MINUTE_MS)
    stage.clock.advance(waitMs / 2 + 1000)
  }
  assert.equal(tries.filter((minute) => minute < 60).length, 5)
  assert.ok(tries.length <= 10, String(tries))
})

test('after a failure another wish is tried at once', async () => {
  await using stage = await AcmeStage.set()
  stage.server.validate = ({ type }) => (type === 'http-01' ? { type: 'connection', detail: 'refused' } : undefined)
  await (await stage.open()).step()
  await (await stage.open({ challenge: 'tls-alpn-01' })).step()
  assert.equal(stage.happened.length, 2)
  assert.match(stage.happened[1] ?? '', /^issued/)
})

test('a rate limit is kept as long as the server says, whatever is wished meanwhile', async () => {
  await using stage = await AcmeStage.set()
  stage.server.refusals.set('/order', { type: 'rateLimited', detail: 'too many certificates', status: 429, retryAfter: String(30 * 3600) })
  await (await stage.open()).step()
  for (const challenge of ['http-01', 'tls-alpn-01'] as const) {
    stage.clock.advance(14 * HOUR_MS)
    assert.ok((await (await stage.open({ challenge })).step()) <= 12 * HOUR_MS)
  }
  assert.equal(stage.server.orders.length, 0)
  stage.clock.advance(3 * HOUR_MS)
  await (await stage.open()).step()
  assert.match(stage.happened.at(-1) ?? '', /^issued/)
})

test('with renewal information the server chooses the time, and learns what is replaced', async () => {
  await using stage = await AcmeStage.set()
  stage.server.window = { start: '2026-01-10T00:00:00Z', end: '2026-01-12T00:00:00Z', retryAfter: '21600' }
  const certificate = await stage.open()
  await certificate.step()
  await certificate.step()
  stage.clock.setDate(Date.parse('2026-01-10T23:00:00Z'))
  await certificate.step()
  assert.equal(stage.server.orders.length, 1)
  stage.clock.setDate(Date.parse('2026-01-11T01:00:00Z'))
  await certificate.step()
  assert.equal(stage.server.orders.length, 2)
  assert.match(String(stage.server.orders[1]?.replaces), /^[\w-]+\.[\w-]+$/)
})

test('a window that has moved into the past, as before a revocation, renews at once', async () => {
  await using stage = await AcmeStage.set()
  stage.server.window = { start: '2026-02-28T00:00:00Z', end: '2026-03-02T00:00:00Z', retryAfter: '21600' }
  const certificate = await stage.open()
  await certificate.step()
  await certificate.step()
  stage.server.window = { start: '2025-12-01T00:00:00Z', end: '2025-12-02T00:00:00Z', retryAfter: '21600' }
  stage.clock.advance(6 * HOUR_MS)
  assert.equal(await certificate.step(), 1000)
  await certificate.step()
  assert.equal(stage.server.orders.length, 2)
})

test('a predecessor that the server has replaced already is not named again', async () => {
  await using stage = await AcmeStage.set()
  stage.server.window = { start: '2026-02-28T00:00:00Z', end: '2026-03-02T00:00:00Z', retryAfter: '21600' }
  const certificate = await stage.open()
  await certificate.step()
  stage.server.refusals.set('/order', { type: 'alreadyReplaced', detail: 'by another', status: 409 })
  stage.clock.advance(70 * DAY_MS)
  await certificate.step()
  assert.deepEqual([stage.server.orders.length, stage.server.orders[1]?.replaces], [2, undefined])
})
