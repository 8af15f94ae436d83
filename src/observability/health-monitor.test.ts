import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type HealthCheck, type HealthSettings, healthChecks } from './health-checks.ts'
import { HealthMonitor } from './health-monitor.ts'

const nothing: HealthSettings = { storagedriver: { enabled: false, interval: 1000, threshold: 0 }, file: [], http: [], tcp: [] }
const times = { interval: 1000, threshold: 0, timeout: 1000 }

async function reasonOf(check: HealthCheck | undefined): Promise<string | undefined> {
  return check?.look(AbortSignal.timeout(10_000)).then(
    () => undefined,
    (error: Error) => error.message,
  )
}

/** A check whose next looks are told, and its monitor, whose turns are taken by hand. */
function controlled(threshold: number, looks: readonly (string | undefined)[]) {
  const rest = [...looks]
  let turn: () => void = () => undefined
  const check: HealthCheck = {
    name: 'it',
    intervalMs: 1000,
    timeoutMs: 1000,
    threshold,
    async look() {
      const reason = rest.shift()
      if (reason) throw new Error(reason)
    },
  }
  const monitor = new HealthMonitor([check])
  monitor.start((_intervalMs, work) => {
    turn = work
    return () => undefined
  })
  const next = async () => {
    turn()
    await new Promise(setImmediate)
    return monitor.failing()
  }
  return { monitor, next }
}

test('a check fails once it has failed as often in a row as its threshold says, and one success makes it well', async () => {
  const { monitor, next } = controlled(2, ['a', undefined, 'b', 'c', 'd', undefined])
  assert.deepEqual(monitor.failing(), {})
  const seen = []
  for (let turn = 0; turn < 6; turn++) seen.push(await next())
  assert.deepEqual(seen, [{}, {}, {}, { it: 'c' }, { it: 'd' }, {}])
})

test('without a threshold the first failure counts', async () => assert.deepEqual(await controlled(0, ['a']).next(), { it: 'a' }))

test('a check that hangs counts as failed and is not asked again meanwhile', async () => {
  let asked = 0
  let turn: () => void = () => undefined
  const look = () => {
    asked++
    return new Promise<void>(() => undefined)
  }
  const monitor = new HealthMonitor([{ name: 'slow', intervalMs: 5, timeoutMs: 5, threshold: 0, look }])
  monitor.start((_intervalMs, work) => {
    turn = work
    return () => undefined
  })
  turn()
  while (Object.keys(monitor.failing()).length === 0) await new Promise((wake) => setTimeout(wake, 1)) // a timeout of 5 ms is under way
  turn()
  assert.deepEqual([monitor.failing(), asked], [{ slow: 'no answer within 5 ms' }, 1])
})

test('checks have the names that Distribution gives them', () => {
  const checks = healthChecks(
    {
      storagedriver: { enabled: true, interval: 1, threshold: 3 },
      file: [{ file: '/f', interval: 1 }],
      http: [{ uri: 'http://h/', statuscode: 200, headers: {}, ...times }],
      tcp: [{ addr: 'h:1', ...times }],
    },
    '/',
  )
  assert.deepEqual(
    checks.map(({ name, threshold }) => [name, threshold]),
    [
      ['storagedriver_filesystem', 3],
      ['/f', 0],
      ['http://h/', 0],
      ['h:1', 0],
    ],
  )
})

test('a check without a limit of its own has half a minute, or its interval where that is longer', () => {
  const timeouts = (interval: number, timeout: number) =>
    healthChecks({ ...nothing, tcp: [{ addr: 'h:1', interval, timeout, threshold: 0 }] }, '/')[0]?.timeoutMs
  assert.deepEqual([timeouts(50, 0), timeouts(60_000, 0), timeouts(50, 40)], [30_000, 60_000, 40])
})

test('a file makes unhealthy while it is there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'health-'))
  const [check] = healthChecks({ ...nothing, file: [{ file: join(folder, 'down'), interval: 1000 }] }, '/')
  assert.equal(await reasonOf(check), undefined)
  await writeFile(join(folder, 'down'), '')
  assert.equal(await reasonOf(check), 'file exists')
  await rm(folder, { recursive: true })
})

test('the folder of the volume may be missing, but not unreadable', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'health-'))
  await writeFile(join(folder, 'file'), '')
  const lookAt = (root: string) => reasonOf(healthChecks({ ...nothing, storagedriver: { enabled: true, interval: 1000, threshold: 0 } }, root)[0])
  assert.deepEqual([await lookAt(folder), await lookAt(join(folder, 'missing'))], [undefined, undefined])
  assert.match(String(await lookAt(join(folder, 'file', 'below'))), /ENOTDIR/)
  await rm(folder, { recursive: true })
})

test('a URL is asked with HEAD and the headers, and must answer with the status', async () => {
  const server = createHttpServer((request, response) => {
    response.statusCode = request.method === 'HEAD' && request.headers['x-a'] === 'b' ? 204 : 500
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const ask = (statuscode: number) => reasonOf(healthChecks({ ...nothing, http: [{ uri, statuscode, headers: { 'X-A': ['b'] }, ...times }] }, '/')[0])
  assert.deepEqual([await ask(204), await ask(200)], [undefined, 'downstream service returned unexpected status: 204'])
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
  assert.match(String(await ask(200)), /^error while checking: http:.*ECONNREFUSED/)
})

test('user and password of a URL are sent, and shown to nobody', async () => {
  const server = createHttpServer((request, response) => {
    response.statusCode = request.headers.authorization === `Basic ${Buffer.from('me:p@ss').toString('base64')}` ? 200 : 401
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}/a`
  const [check] = healthChecks({ ...nothing, http: [{ uri: `http://me:p%40ss@${address}?token=t`, statuscode: 200, headers: {}, ...times }] }, '/')
  assert.deepEqual([check?.name, await reasonOf(check)], [`http://${address}?…`, undefined])
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
  assert.doesNotMatch(String(await reasonOf(check)), /p%40ss|token/)
})

test('an address must take connections', async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const addr = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const [check] = healthChecks({ ...nothing, tcp: [{ addr, ...times }] }, '/')
  assert.equal(await reasonOf(check), undefined)
  server.close()
  await once(server, 'close')
  assert.equal(await reasonOf(check), `connection to ${addr} failed: ECONNREFUSED`)
})
