import assert from 'node:assert/strict'
import { digestOf } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import type { Client, HttpReply } from '../support/http-client.ts'
import { type Chapter, claims } from './chapter.ts'
import { DataSet } from './data-set.ts'
import { pushInOnePut } from './ways-to-push.ts'

const absent = `sha256:${'0'.repeat(64)}`
const repository = 'walk/refusals'

/** What is not there, or cannot be: request, statuses that will do, and the error's code where there is a body. */
const unknown: readonly (readonly [method: string, path: string, statuses: readonly number[], code?: string])[] = [
  ['GET', `/v2/${repository}/blobs/${absent}`, [404], 'BLOB_UNKNOWN'],
  ['HEAD', `/v2/${repository}/blobs/${absent}`, [404]],
  ['GET', `/v2/${repository}/manifests/${absent}`, [404], 'MANIFEST_UNKNOWN'],
  ['HEAD', `/v2/${repository}/manifests/${absent}`, [404]],
  ['GET', `/v2/${repository}/manifests/missing`, [404], 'MANIFEST_UNKNOWN'],
  ['HEAD', `/v2/${repository}/manifests/missing`, [404]],
  ['GET', '/v2/walk/nothing/tags/list', [404], 'NAME_UNKNOWN'],
  ['DELETE', `/v2/${repository}/manifests/${absent}`, [404], 'MANIFEST_UNKNOWN'],
  ['DELETE', `/v2/${repository}/manifests/missing`, [404], 'MANIFEST_UNKNOWN'],
]

const invalidDigests: readonly (readonly [method: string, path: string, statuses: readonly number[]])[] = [
  ['GET', `/v2/${repository}/manifests/sha256:not-a-digest`, [400, 404]],
  ['PUT', `/v2/${repository}/manifests/sha256:not-a-digest`, [400]],
  ['PUT', `/v2/${repository}/manifests/${absent}`, [400]], // well formed, and not that of the bytes
  ['GET', `/v2/${repository}/blobs/sha256:not-a-digest`, [400, 404]],
  ['POST', `/v2/${repository}/blobs/uploads/?digest=sha256:not-a-digest`, [400]],
]

const base: Chapter = claims(
  { version: '1.0', section: 'Determining Support', title: 'GET /v2/' },
  { 'is answered with 200': async (registry) => assert.equal((await registry.get('/v2/')).status, 200) },
)

const unknownThings: Chapter = claims(
  { version: '1.0', section: 'Error Codes', title: 'what is not there' },
  Object.fromEntries(
    unknown.map(([method, path, statuses, code]) => [
      `is answered with ${statuses.join(' or ')}${code ? ` ${code}` : ''}: ${method} ${shortened(path)}`,
      async (registry: Client) => {
        const reply = await registry.send(method, path, { headers: { accept: mediaTypes.ociManifest } })
        assert.ok(statuses.includes(reply.status), String(reply.status))
        if (code) assert.equal(firstError(reply).code, code)
      },
    ]),
  ),
)

/** @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes */
function firstError(reply: HttpReply): { readonly code: unknown } {
  const { errors } = reply.json<{ errors: { code: unknown }[] }>()
  const [first] = errors
  assert.ok(first)
  return first
}

const invalidThings: Chapter = claims(
  { version: '1.0', section: 'Pushing Manifests', title: 'a digest that is none, or another' },
  Object.fromEntries(
    invalidDigests.map(([method, path, statuses]) => [
      `is answered with ${statuses.join(' or ')}: ${method} ${shortened(path)}`,
      async (registry: Client) => {
        const { body, headers } = method === 'GET' ? { body: undefined, headers: {} } : await pushableManifest(registry)
        const reply = await registry.send(method, path, { headers, ...(body && { body }) })
        assert.ok(statuses.includes(reply.status), String(reply.status))
      },
    ]),
  ),
)

async function pushableManifest(registry: Client): Promise<{ body: Buffer; headers: Record<string, string> }> {
  const data = new DataSet('refusals')
  data.image()
  for (const [digest, bytes] of data.blobs) await pushInOnePut(registry, { repository, bytes, digest })
  return { body: data.manifests[0]?.bytes ?? Buffer.alloc(0), headers: { 'content-type': mediaTypes.ociManifest } }
}

const incomplete: Chapter = claims(
  { version: '1.0', section: 'Pushing Manifests', title: 'a manifest that cannot be taken' },
  {
    'is refused with 400 when it is no JSON': async (registry) => {
      const reply = await registry.send('PUT', `/v2/${repository}/manifests/bad`, { body: 'bad', headers: { 'content-type': mediaTypes.ociManifest } })
      assert.deepEqual([reply.status, firstError(reply).code], [400, 'MANIFEST_INVALID'])
    },
    'is refused with MANIFEST_BLOB_UNKNOWN when its layers are not here': async (registry) => {
      const data = new DataSet('incomplete')
      data.image()
      const body = data.manifests[0]?.bytes ?? ''
      const reply = await registry.send('PUT', `/v2/${repository}/manifests/incomplete`, { body, headers: { 'content-type': mediaTypes.ociManifest } })
      assert.ok([400, 404].includes(reply.status), String(reply.status))
      assert.equal(firstError(reply).code, 'MANIFEST_BLOB_UNKNOWN')
    },
  },
)

const emptyReferrers: Chapter = claims(
  { version: '1.1', section: 'Listing Referrers', title: 'what nothing refers to' },
  {
    'has an empty index': async (registry) => {
      const reply = await registry.get(`/v2/walk/nothing/referrers/${digestOf('nothing')}`)
      assert.deepEqual([reply.status, reply.headers['content-type']], [200, mediaTypes.ociIndex])
      assert.deepEqual(reply.json()['manifests'], [])
    },
    'is refused with 400 when it is no digest': async (registry) => {
      assert.equal((await registry.get('/v2/walk/nothing/referrers/sha256:not-a-digest')).status, 400)
    },
  },
)

export const refusalChapters: readonly Chapter[] = [base, unknownThings, invalidThings, incomplete, emptyReferrers]

function shortened(path: string): string {
  return path.replace(absent, 'sha256:000…')
}
