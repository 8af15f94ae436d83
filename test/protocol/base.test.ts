import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Health } from '../../src/http/health.ts'
import { HealthMonitor } from '../../src/observability/health-monitor.ts'
import { OciError } from '../../src/oci/error.ts'
import { authenticatorFor, startRegistry } from '../support/registry.ts'

test('/v2/ answers {} with the headers of every answer', async () => {
  await using registry = await startRegistry({ settings: { headers: { 'access-control-allow-origin': ['*'] } } })
  const reply = await registry.get('/v2/')
  assert.equal(reply.status, 200)
  assert.equal(reply.text, '{}')
  assert.equal(reply.headers['content-length'], '2')
  assert.equal(reply.headers['content-type'], 'application/json')
  assert.equal(reply.headers['docker-distribution-api-version'], 'registry/2.0')
  assert.equal(reply.headers['x-content-type-options'], 'nosniff')
  assert.equal(reply.headers['access-control-allow-origin'], '*')
  assert.match(String(reply.headers['x-request-id']), /^[0-9a-f-]{36}$/)
})

test('/v2 is a redirect to /v2/', async () => {
  await using registry = await startRegistry()
  const reply = await registry.get('/v2')
  assert.equal(reply.status, 301)
  assert.equal(reply.headers['location'], '/v2/')
})

test('a sane request id is kept, another one is replaced', async () => {
  await using registry = await startRegistry()
  assert.equal((await registry.get('/v2/', { 'x-request-id': 'abc-1' })).headers['x-request-id'], 'abc-1')
  assert.notEqual((await registry.get('/v2/', { 'x-request-id': 'a b' })).headers['x-request-id'], 'a b')
})

test('/ and health answer without credentials, the API does not', async () => {
  await using registry = await startRegistry({ authenticator: authenticatorFor('alice', 'secret') })
  const root = await registry.get('/')
  assert.deepEqual([root.status, root.text, root.headers['cache-control']], [200, '', 'no-cache'])
  assert.equal((await registry.get('/healthz')).status, 200)
  assert.equal((await registry.get('/readyz')).status, 200)
  assert.equal((await registry.get('/v2/')).status, 401)
})

const well: Health = { failing: () => ({}), problems: () => [], warnings: () => [], setDown: () => undefined }

test('readiness says what is wrong', async () => {
  await using registry = await startRegistry({ health: { ...well, problems: () => ['the disk is gone'], warnings: () => ['the certificate ends soon'] } })
  const reply = await registry.get('/readyz')
  assert.equal(reply.status, 503)
  assert.equal(reply.text, 'not ready\nthe disk is gone\nwarning: the certificate ends soon\n')
})

const metrics = { contentType: 'text/plain; version=0.0.4', render: async () => 'lacre_up 1\n' }

test('metrics on the main address need credentials when there are any', async () => {
  await using registry = await startRegistry({ authenticator: authenticatorFor('alice', 'secret'), metrics, settings: { metricsPath: '/metrics' } })
  assert.equal((await registry.get('/metrics')).status, 401)
  const reply = await registry.get('/metrics', { authorization: basic('alice:secret') })
  assert.deepEqual([reply.status, reply.text], [200, 'lacre_up 1\n'])
})

test('the debug address is open and has health and metrics', async () => {
  const debug = { addr: '127.0.0.1:0', metricsPath: '/metrics' }
  await using registry = await startRegistry({ authenticator: authenticatorFor('alice', 'secret'), metrics, settings: { debug } })
  const base = `http://${registry.server.addresses[1]}`
  assert.equal(await (await fetch(`${base}/debug/health`)).text(), '{}')
  assert.equal(await (await fetch(`${base}/metrics`)).text(), 'lacre_up 1\n')
  assert.equal((await fetch(`${base}/v2/`)).status, 404)
  assert.equal((await registry.get('/metrics')).status, 404)
})

test('while a check fails everything but liveness, readiness and metrics answers 503, and the debug address says why', async () => {
  const checks: Record<string, string> = {}
  const debug = { addr: '127.0.0.1:0', metricsPath: undefined }
  const health = { ...well, failing: () => checks }
  await using registry = await startRegistry({ health, metrics, settings: { debug, metricsPath: '/metrics' } })
  const statuses = async () => Promise.all(['/', '/v2/', '/nowhere', '/healthz', '/readyz', '/metrics'].map(async (path) => (await registry.get(path)).status))
  const listed = async () => (await fetch(`http://${registry.server.addresses[1]}/debug/health`)).json()
  assert.deepEqual([await statuses(), await listed()], [[200, 200, 404, 200, 200, 200], {}])
  checks['/tmp/down'] = 'file exists'
  assert.deepEqual([await statuses(), await listed()], [[503, 503, 503, 200, 503, 200], { '/tmp/down': 'file exists' }])
  const expected = '{"errors":[{"code":"UNAVAILABLE","message":"service unavailable","detail":"health check failed: please see /debug/health"}]}\n'
  assert.equal((await registry.get('/v2/_catalog')).text, expected)
})

test('the debug address takes the registry out of service and puts it back', async () => {
  const monitor = new HealthMonitor([])
  const health = { ...well, failing: () => monitor.failing(), setDown: (isDown: boolean) => monitor.setDown(isDown) }
  await using registry = await startRegistry({ health, settings: { debug: { addr: '127.0.0.1:0', metricsPath: undefined } } })
  const ask = async (path: string, method = 'GET') => (await fetch(`http://${registry.server.addresses[1]}${path}`, { method })).status
  assert.deepEqual([await ask('/debug/health/down', 'POST'), await ask('/debug/health'), (await registry.get('/v2/')).status], [200, 503, 503])
  assert.deepEqual([await ask('/debug/health/up', 'POST'), await ask('/debug/health'), (await registry.get('/v2/')).status], [200, 200, 200])
  assert.deepEqual([await ask('/debug/health/down'), (await registry.get('/v2/')).status], [405, 200])
})

test("the debug address has Go's variables, and says that its profiler is not here", async () => {
  await using registry = await startRegistry({ settings: { debug: { addr: '127.0.0.1:0', metricsPath: undefined } } })
  const base = `http://${registry.server.addresses[1]}`
  const variables = (await (await fetch(`${base}/debug/vars`)).json()) as { cmdline: string[]; memstats: { Alloc: number } }
  assert.ok(variables.cmdline.length > 0 && variables.memstats.Alloc > 0)
  const profiler = await fetch(`${base}/debug/pprof/`)
  assert.equal(profiler.status, 404)
  assert.match(await profiler.text(), /--cpu-prof/)
})

const challenges = [
  ['GET', '/v2/', null],
  ['GET', '/v2/_catalog', [{ Type: 'registry', Class: '', Name: 'catalog', Action: '*' }]],
  ['GET', '/v2/a/b/tags/list', [repository('a/b', 'pull')]],
  ['POST', '/v2/a/b/blobs/uploads/', [repository('a/b', 'pull'), repository('a/b', 'push')]],
  ['POST', '/v2/a/b/blobs/uploads/?mount=sha256:0&from=x/y', [repository('a/b', 'pull'), repository('a/b', 'push'), repository('x/y', 'pull')]],
  ['DELETE', '/v2/a/b/manifests/x', [repository('a/b', 'delete')]],
  ['OPTIONS', '/v2/a/b/manifests/x', null],
] as const

for (const [method, path, detail] of challenges) {
  test(`${method} ${path} without credentials says what it would take`, async () => {
    await using registry = await startRegistry({ authenticator: authenticatorFor('alice', 'secret', 'a "test" realm') })
    const reply = await registry.send(method, path)
    assert.equal(reply.status, 401)
    assert.equal(reply.headers['www-authenticate'], 'Basic realm="a \\"test\\" realm"')
    assert.equal(reply.headers['docker-distribution-api-version'], 'registry/2.0')
    assert.deepEqual(reply.json(), { errors: [{ code: 'UNAUTHORIZED', message: 'authentication required', detail }] })
  })
}

test('the refusal of the catalog is what Distribution writes, byte for byte', async () => {
  await using registry = await startRegistry({ authenticator: authenticatorFor('alice', 'secret') })
  const expected =
    '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"registry","Class":"","Name":"catalog","Action":"*"}]}]}\n'
  assert.equal((await registry.get('/v2/_catalog')).text, expected)
})

for (const [header, status] of [
  [basic('alice:secret'), 200],
  [basic('alice:wrong'), 401],
  [basic('alice'), 401],
  ['Basic !!!', 401],
  ['Bearer abc', 401],
] as const) {
  test(`Authorization ${header} is answered with ${status}`, async () => {
    await using registry = await startRegistry({ authenticator: authenticatorFor('alice', 'secret') })
    assert.equal((await registry.get('/v2/', { authorization: header })).status, status)
  })
}

test('too many passwords at once are 429 with Retry-After', async () => {
  const busy = authenticatorFor('alice', 'secret')
  busy.authenticate = () => Promise.reject(new OciError('TOOMANYREQUESTS', undefined, { headers: { 'Retry-After': '1' } }))
  await using registry = await startRegistry({ authenticator: busy })
  const reply = await registry.get('/v2/', { authorization: basic('alice:secret') })
  assert.deepEqual([reply.status, reply.headers['retry-after'], reply.codes], [429, '1', ['TOOMANYREQUESTS']])
  assert.deepEqual(registry.failures, [])
})

const methods = [
  ['/v2/', 'GET, HEAD'],
  ['/v2/_catalog', 'GET, HEAD'],
  ['/v2/a/tags/list', 'GET, HEAD'],
  ['/v2/a/manifests/x', 'DELETE, GET, HEAD, PUT'],
  ['/v2/a/blobs/sha256:x', 'DELETE, GET, HEAD'],
  ['/v2/a/blobs/uploads/', 'POST'],
  ['/v2/a/blobs/uploads/x', 'DELETE, GET, HEAD, PATCH, PUT'],
  ['/v2/a/referrers/sha256:x', 'GET, HEAD'],
] as const

test('a method that a path does not have is 405 with Allow, and OPTIONS tells the same', async () => {
  await using registry = await startRegistry()
  for (const [path, allow] of methods) {
    const refused = await registry.send('PROPFIND', path)
    assert.deepEqual([refused.status, refused.headers['allow'], refused.codes], [405, allow, ['UNSUPPORTED']], path)
    const options = await registry.send('OPTIONS', path)
    assert.deepEqual([options.status, options.headers['allow'], options.headers['content-length']], [200, allow, '0'], path)
  }
})

test('a read-only registry says so to whoever writes', async () => {
  await using registry = await startRegistry({ settings: { readOnly: true } })
  const reply = await registry.send('POST', '/v2/a/blobs/uploads/')
  assert.equal(reply.status, 405)
  assert.match(reply.text, /storage\.maintenance\.readonly/)
  assert.equal((await registry.send('PUT', '/v2/a/manifests/x', { body: '{}' })).headers['allow'], 'GET, HEAD')
})

for (const path of ['/v2/nonsense', '/nonsense', '/v2/tags/list', '/v2//', '/v3/']) {
  test(`${path} is not there`, async () => {
    await using registry = await startRegistry()
    const reply = await registry.get(path)
    assert.equal(reply.status, 404)
    assert.equal(reply.headers['docker-distribution-api-version'], 'registry/2.0')
  })
}

test('below a prefix, and only there', async () => {
  await using registry = await startRegistry({ settings: { prefix: '/team/registry/' } })
  assert.equal((await registry.get('/team/registry/v2/')).status, 200)
  assert.equal((await registry.get('/team/registry/v2')).headers['location'], '/team/registry/v2/')
  assert.equal((await registry.get('/v2/')).status, 404)
  const started = await registry.send('POST', '/team/registry/v2/a/blobs/uploads/')
  assert.match(String(started.headers['location']), /^http:\/\/127\.0\.0\.1:\d+\/team\/registry\/v2\/a\/blobs\/uploads\//)
})

test('the observer is told of each request', async () => {
  await using registry = await startRegistry({ authenticator: authenticatorFor('alice', 'secret') })
  await registry.get('/v2/a/b/tags/list?n=1', { authorization: basic('alice:secret'), 'user-agent': 'test/1' })
  const { endpoint, repository, account, status, url, userAgent } = registry.records[0] ?? {}
  assert.deepEqual(
    { endpoint, repository, account, status, url, userAgent },
    {
      endpoint: 'end-8',
      repository: 'a/b',
      account: 'alice',
      status: 404,
      url: '/v2/a/b/tags/list?n=1',
      userAgent: 'test/1',
    },
  )
})

function repository(name: string, action: string) {
  return { Type: 'repository', Class: '', Name: name, Action: action }
}

function basic(text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`
}
