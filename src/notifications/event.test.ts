import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { parseTag } from '../oci/reference.ts'
import { type Cause, createEvent, formatEnvelope, type Happening } from './event.ts'

const repository = parseRepositoryName('team/app')
const digest = digestOf('layer')
const cause: Cause = {
  request: { id: 'r1', addr: '10.1.2.3:4', host: 'registry.test', method: 'PUT', useragent: 'docker' },
  actor: 'alice',
  locate: (path) => `https://registry.test${path}`,
}
const source = { addr: 'host:5000', instanceID: 'i1' }
const eventOf = (happening: Happening, more: { cause?: Cause; includeReferences?: boolean } = {}) =>
  createEvent(happening, more.cause ?? cause, { source, includeReferences: more.includeReferences ?? false, now: Date.UTC(2026, 0, 2, 3, 4, 5, 6) })

test('a push of a blob tells size, address, request, account and source, in the order of Distribution', () => {
  const { id, ...event } = eventOf({ action: 'push', repository, blob: { digest, size: 5 } })
  assert.match(id, /^[0-9a-f-]{36}$/)
  assert.equal(
    JSON.stringify(event),
    JSON.stringify({
      timestamp: '2026-01-02T03:04:05.006Z',
      action: 'push',
      target: {
        mediaType: 'application/octet-stream',
        size: 5,
        digest,
        length: 5,
        repository,
        url: `https://registry.test/v2/team/app/blobs/${digest}`,
      },
      request: { id: 'r1', addr: '10.1.2.3:4', host: 'registry.test', method: 'PUT', useragent: 'docker' },
      actor: { name: 'alice' },
      source,
    }),
  )
})

test('what is empty is left out as in Go: a size of 0, an anonymous actor, an unknown address; a user agent is not', () => {
  const anonymous = { ...cause, actor: undefined, request: { ...cause.request, addr: '', host: '', useragent: '' } }
  const { target, actor, request } = eventOf({ action: 'pull', repository, blob: { digest, size: 0 } }, { cause: anonymous })
  assert.deepEqual([Object.keys(target), actor, request], [['mediaType', 'digest', 'repository', 'url'], {}, { id: 'r1', method: 'PUT', useragent: '' }])
})

test('a deletion tells the repository and the digest or the tag, and nothing else', () => {
  assert.deepEqual(eventOf({ action: 'delete', repository, digest }).target, { digest, repository })
  assert.deepEqual(eventOf({ action: 'delete', repository, tag: parseTag('v1') }).target, { repository, tag: 'v1' })
})

test('references of a manifest are told when asked for, without platform and with annotations in the order of their keys', () => {
  const annotations = { z: '1', a: '2' }
  const manifests = [{ mediaType: 'text/x', digest, size: 3, platform: { os: 'linux' }, annotations, urls: ['https://x.test'] }]
  const manifest = { digest, mediaType: 'application/vnd.oci.image.index.v1+json', bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })) }
  const happening: Happening = { action: 'push', repository, manifest, tag: parseTag('v1') }
  assert.equal('references' in eventOf(happening).target, false)
  assert.equal(
    JSON.stringify(eventOf(happening, { includeReferences: true }).target.references),
    JSON.stringify([{ mediaType: 'text/x', size: 3, digest, urls: ['https://x.test'], annotations: { a: '2', z: '1' } }]),
  )
})

test('an envelope holds one event and is indented by three', () => {
  assert.equal(formatEnvelope('{"id":"1"}'), '{\n   "events": [\n      {\n         "id": "1"\n      }\n   ]\n}')
})
