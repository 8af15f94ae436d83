import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IN_MEMORY } from '../../src/metadata/connect.ts'
import type { Endpoint } from '../../src/notifications/endpoint.ts'
import type { EventRecord } from '../../src/notifications/event.ts'
import { Notifier } from '../../src/notifications/notifier.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { endpointAt } from '../support/endpoints.ts'
import { Receiver } from '../support/receiver.ts'
import { authenticatorFor, pathOf, type RegistryOptions, type RunningRegistry, startRegistry } from '../support/registry.ts'

const OCI = 'application/vnd.oci.image.manifest.v1+json'
const LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
const SCHEMA_2 = 'application/vnd.docker.distribution.manifest.v2+json'

interface Watched extends AsyncDisposable {
  readonly registry: RunningRegistry
  readonly receiver: Receiver
  /** Events of what `work` did, when a push after it has arrived. */
  during(work: () => Promise<unknown>): Promise<EventRecord[]>
}

async function watch(endpoint: Partial<Endpoint> = {}, options: RegistryOptions = {}): Promise<Watched> {
  const receiver = await Receiver.start()
  const endpoints = [endpointAt(receiver.url, endpoint), endpointAt(receiver.url.replace('events', 'last'), { name: 'last' })]
  const source = { addr: 'here:5000', instanceID: 'i1' }
  const notifier = new Notifier({ path: IN_MEMORY, endpoints, includeReferences: false, source, remark: () => undefined })
  const registry = await startRegistry({ ...options, notifier })
  const bodies = (path: string) => receiver.received.filter(({ request }) => request.url === path).map(({ body }) => body)
  let rounds = 0
  return {
    registry,
    receiver,
    async during(work) {
      const before = bodies('/events').length
      await work()
      const mark = digestOf(`mark ${++rounds}`)
      await registry.pushBlob('last/mark', `mark ${rounds}`)
      await receiver.until(() => bodies('/last').some((body) => body.includes(mark)) && bodies('/events').some((body) => body.includes(mark)))
      const events = bodies('/events').slice(before)
      return events.flatMap((body) => (JSON.parse(body) as { events: EventRecord[] }).events).filter(({ target }) => target.digest !== mark)
    },
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]()
      await notifier.close()
      await receiver[Symbol.asyncDispose]()
    },
  }
}

/** An event's action and what it is about, shortly. */
function tell({ action, request, target }: EventRecord): string {
  const { repository, fromRepository, tag, digest, mediaType = '-' } = target
  return [request.method, action, repository, fromRepository, tag, digest?.slice(7, 12), mediaType.replace('application/', '')].filter(Boolean).join(' ')
}

const short = (bytes: string | Buffer): string => digestOf(bytes).slice(7, 12)
const manifestOf = (mediaType: string, layer: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: { mediaType: 'x/y', digest: digestOf('{}'), size: 2 },
      layers: [{ mediaType: 'x/z', digest: digestOf(layer), size: layer.length }],
    }),
  )

test('a blob tells of its push, of each look and pull, its mount and its deletion; a look for none tells nothing', async () => {
  await using watched = await watch()
  const { registry } = watched
  const blob = `/v2/a/blobs/${digestOf('layer')}`
  const events = await watched.during(async () => {
    await registry.pushBlob('a', 'layer')
    await registry.send('HEAD', blob)
    await registry.get(blob)
    await registry.get(blob, { range: 'bytes=1-2' })
    await registry.get(blob, { range: 'bytes=90-99' })
    await registry.get(blob, { 'if-none-match': `"${digestOf('layer')}"` })
    await registry.get(`/v2/a/blobs/${digestOf('nothing')}`)
    await registry.send('POST', `/v2/b/blobs/uploads/?mount=${digestOf('layer')}&from=a`)
    await registry.send('POST', `/v2/b/blobs/uploads/?mount=${digestOf('nothing')}&from=a`)
    await registry.send('DELETE', blob)
    await registry.send('DELETE', blob)
  })
  const what = `${short('layer')} octet-stream`
  assert.deepEqual(events.map(tell), [
    `PUT push a ${what}`,
    `HEAD pull a ${what}`,
    ...Array.from({ length: 4 }, () => `GET pull a ${what}`),
    `POST mount b a ${what}`,
    `DELETE delete a ${short('layer')} -`,
  ])
})

test('a manifest tells of its push under each tag, of its pulls with the tag that was asked for, and of its deletion with its tags', async () => {
  await using watched = await watch()
  const { registry } = watched
  const manifest = manifestOf(OCI, 'layer')
  const digest = digestOf(manifest)
  const events = await watched.during(async () => {
    for (const blob of ['{}', 'layer']) await registry.pushBlob('a', blob)
    await registry.pushManifest('a', 'v1', manifest)
    await registry.pushManifest('a', digest, manifest)
    await registry.pushManifest('a', `${digest}?tag=v2&tag=v3`, manifest)
    await registry.get('/v2/a/manifests/v1', { accept: OCI })
    await registry.send('HEAD', `/v2/a/manifests/${digest}`, { headers: { accept: OCI } })
    await registry.get('/v2/a/manifests/v1', { accept: OCI, 'if-none-match': `"${digest}"` })
    await registry.get('/v2/a/manifests/v1', { accept: SCHEMA_2 })
    await registry.send('DELETE', '/v2/a/manifests/v1')
    await registry.send('DELETE', `/v2/a/manifests/${digest}`)
  })
  const what = `${short(manifest)} vnd.oci.image.manifest.v1+json`
  assert.deepEqual(events.slice(2).map(tell), [
    ...[`PUT push a v1 ${what}`, `PUT push a ${what}`, `PUT push a v2 ${what}`, `PUT push a v3 ${what}`],
    ...[`GET pull a v1 ${what}`, `HEAD pull a ${what}`],
    `GET pull a v1 ${what}`, // refused, but Distribution tells of it too
    ...['DELETE delete a v1 -', `DELETE delete a ${short(manifest)} -`, 'DELETE delete a v2 -', 'DELETE delete a v3 -'],
  ])
})

test('a manifest list that is answered with its manifest for linux/amd64 tells of both', async () => {
  await using watched = await watch()
  const { registry } = watched
  const child = manifestOf(SCHEMA_2, 'layer')
  const manifests = [{ mediaType: SCHEMA_2, digest: digestOf(child), size: child.length, platform: { os: 'linux', architecture: 'amd64' } }]
  const events = await watched.during(async () => {
    for (const blob of ['{}', 'layer']) await registry.pushBlob('a', blob)
    await registry.pushManifest('a', digestOf(child), child)
    await registry.pushManifest('a', 'all', { schemaVersion: 2, mediaType: LIST, manifests })
    await registry.get('/v2/a/manifests/all', { accept: SCHEMA_2 })
  })
  assert.deepEqual(
    events.slice(-2).map(({ action, target }) => [action, target.tag, target.mediaType]),
    [
      ['pull', 'all', LIST],
      ['pull', undefined, SCHEMA_2],
    ],
  )
})

test('what is refused or given up tells nothing', async () => {
  await using watched = await watch()
  const { registry } = watched
  const events = await watched.during(async () => {
    const started = await registry.send('POST', '/v2/a/blobs/uploads/')
    await registry.send('PUT', `${pathOf(started.headers.location)}?digest=${digestOf('other')}`, { body: 'layer' })
    const again = await registry.send('POST', '/v2/a/blobs/uploads/')
    await registry.send('DELETE', pathOf(again.headers.location))
    await registry.send('PUT', '/v2/a/manifests/v1', { body: '{}', headers: { 'content-type': OCI } })
    await registry.send('DELETE', `/v2/a/manifests/${digestOf('nothing')}`)
    await registry.get('/v2/a/tags/list')
    await registry.get('/v2/_catalog')
  })
  assert.deepEqual(events.map(tell), [])
})

test('a request is told of with its id, address, host, method and user agent, and the account', async () => {
  const authenticator = authenticatorFor('alice', 'secret')
  await using watched = await watch({}, { authenticator })
  const { registry, receiver } = watched
  const authorization = `Basic ${btoa('alice:secret')}`
  const started = await registry.send('POST', '/v2/a/blobs/uploads/', { headers: { authorization } })
  const headers = {
    authorization,
    'x-request-id': 'r-1',
    'user-agent': 'me/1',
    host: 'registry.test',
    'x-forwarded-for': '10.1.2.3, 10.9.9.9',
    'x-forwarded-proto': 'https',
  }
  await registry.send('PUT', `${pathOf(started.headers.location)}?digest=${digestOf('layer')}`, { body: 'layer', headers })
  await receiver.got(1)
  const [{ request, actor, source, target } = assert.fail()] = receiver.events
  assert.deepEqual(request, { id: 'r-1', addr: '10.1.2.3', host: 'registry.test', method: 'PUT', useragent: 'me/1' })
  assert.deepEqual([actor, source], [{ name: 'alice' }, { addr: 'here:5000', instanceID: 'i1' }])
  assert.equal(target.url, `https://registry.test/v2/a/blobs/${digestOf('layer')}`)
})

for (const [what, headers, expected] of [
  ['no proxy', {}, /^127\.0\.0\.1:\d+$/],
  ['an address of X-Real-Ip', { 'x-real-ip': 'fe80::1' }, /^fe80::1$/],
  ['a name in X-Forwarded-For', { 'x-forwarded-for': 'evil', 'x-real-ip': '10.0.0.1' }, /^10\.0\.0\.1$/],
  ['names in both', { 'x-forwarded-for': 'evil', 'x-real-ip': 'evil' }, /^127\.0\.0\.1:\d+$/],
] as const) {
  test(`the address of a request with ${what} is as Distribution has it`, async () => {
    await using watched = await watch()
    const events = await watched.during(async () => {
      await watched.registry.pushBlob('a', 'layer')
      await watched.registry.send('HEAD', `/v2/a/blobs/${digestOf('layer')}`, { headers })
    })
    assert.match(events[1]?.request.addr ?? '', expected)
  })
}

test('an endpoint gets nothing of actions and media types that it ignores, and another one does', async () => {
  await using watched = await watch({ ignoredActions: ['pull'], ignoredMediaTypes: [OCI] })
  const { registry, receiver } = watched
  const events = await watched.during(async () => {
    for (const blob of ['{}', 'layer']) await registry.pushBlob('a', blob)
    await registry.pushManifest('a', 'v1', manifestOf(OCI, 'layer'))
    await registry.get('/v2/a/manifests/v1', { accept: OCI })
  })
  assert.deepEqual(
    events.map(({ action, target }) => [action, target.mediaType]),
    Array.from({ length: 2 }, () => ['push', 'application/octet-stream']),
  )
  assert.equal(receiver.received.filter(({ request }) => request.url === '/last').length, 5)
})

test('of changes to one tag that overlap, the event that comes last tells what the tag is', async () => {
  await using watched = await watch({ ignoredActions: ['pull'] })
  const { registry } = watched
  const layers = Array.from({ length: 12 }, (_, index) => `layer ${index}`)
  for (const blob of ['{}', ...layers]) await registry.pushBlob('a', blob)
  const manifests = layers.map((layer) => manifestOf(OCI, layer))
  for (let round = 0; round < 3; round++) {
    const events = await watched.during(() => Promise.all(manifests.map((manifest) => registry.pushManifest('a', 'v1', manifest))))
    const { headers } = await registry.send('HEAD', '/v2/a/manifests/v1', { headers: { accept: OCI } })
    const tagged = events.filter(({ target }) => target.tag === 'v1')
    assert.deepEqual([tagged.length, tagged.at(-1)?.target.digest], [12, headers['docker-content-digest']])
  }
})

test('when its event cannot be queued a change is not acknowledged', async () => {
  await using receiver = await Receiver.start()
  const options = { endpoints: [endpointAt(receiver.url)], includeReferences: false, source: { addr: '', instanceID: '' }, remark: () => undefined }
  const notifier = new Notifier({ ...options, path: '/dev/null/lacre/state.db' })
  await using registry = await startRegistry({ notifier })
  await assert.rejects(registry.pushBlob('a', 'layer'), /ended with 50[37]/)
  await notifier.close()
})
