import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { imageOf } from '../support/images.ts'
import { type RunningRegistry, startRegistry } from '../support/registry.ts'

const image = imageOf('one')

/** Follows `Link` to its end. */
async function pages(registry: RunningRegistry, path: string, key: string): Promise<string[][]> {
  const found: string[][] = []
  for (let next: string | undefined = path; next; ) {
    const reply = await registry.get(next)
    found.push(reply.json<Record<string, string[]>>()[key] ?? [])
    next = /^<(\/v2\/[^>]+)>; rel="next"$/.exec(String(reply.headers['link'] ?? ''))?.[1]
  }
  return found
}

test('tags come in lexical order, all of them or by pages', async () => {
  await using registry = await startRegistry()
  await registry.pushImage('a/b', image, 'c', 'a', 'B', '1', 'b')
  const all = await registry.get('/v2/a/b/tags/list')
  assert.equal(all.text, '{"name":"a/b","tags":["1","B","a","b","c"]}\n')
  assert.equal(all.headers['content-type'], 'application/json')
  assert.equal(all.headers['link'], undefined)
  assert.equal((await registry.get('/v2/a/b/tags/list?n=2')).headers['link'], '</v2/a/b/tags/list?last=B&n=2>; rel="next"')
  assert.deepEqual(await pages(registry, '/v2/a/b/tags/list?n=2', 'tags'), [['1', 'B'], ['a', 'b'], ['c']])
  assert.deepEqual(await pages(registry, '/v2/a/b/tags/list?n=5', 'tags'), [['1', 'B', 'a', 'b', 'c']])
  assert.deepEqual((await registry.get('/v2/a/b/tags/list?last=a')).json(), { name: 'a/b', tags: ['b', 'c'] })
  assert.deepEqual((await registry.get('/v2/a/b/tags/list?last=aa&n=1')).json(), { name: 'a/b', tags: ['b'] })
  assert.deepEqual((await registry.get('/v2/a/b/tags/list?n=0')).json(), { name: 'a/b', tags: [] })
})

test('more tags at once than the limit allows come by pages', async () => {
  await using registry = await startRegistry({ settings: { tagsMaxTags: 2 } })
  await registry.pushImage('a', image, 'a', 'b', 'c')
  assert.deepEqual(await pages(registry, '/v2/a/tags/list?n=100', 'tags'), [['a', 'b'], ['c']])
  assert.deepEqual(await pages(registry, '/v2/a/tags/list', 'tags'), [['a', 'b', 'c']])
})

test('the tags of an unknown repository are NAME_UNKNOWN', async () => {
  await using registry = await startRegistry()
  const reply = await registry.get('/v2/a/tags/list')
  assert.deepEqual([reply.status, reply.codes], [404, ['NAME_UNKNOWN']])
})

test('the catalog loses and repeats none of the names that prefix one another', async () => {
  await using registry = await startRegistry()
  const names = ['a', 'a-b', 'a/b', 'a/b/c', 'a0', 'ab']
  for (const name of names.toReversed()) await registry.pushImage(name, image, 'v1')
  assert.equal((await registry.get('/v2/_catalog')).text, `${JSON.stringify({ repositories: names })}\n`)
  for (const n of [1, 2, 4, 6]) assert.deepEqual((await pages(registry, `/v2/_catalog?n=${n}`, 'repositories')).flat(), names, `by ${n}`)
  assert.equal((await registry.get('/v2/_catalog?n=3')).headers['link'], '</v2/_catalog?last=a%2Fb&n=3>; rel="next"')
  assert.deepEqual((await registry.get('/v2/_catalog?n=0')).json(), { repositories: [] })
})

test('the catalog begins with 100 names', async () => {
  await using registry = await startRegistry({ settings: { catalogMaxEntries: 3 } })
  for (const name of ['a', 'b', 'c', 'd']) await registry.pushImage(name, image, 'v1')
  assert.deepEqual(await pages(registry, '/v2/_catalog', 'repositories'), [['a', 'b', 'c'], ['d']])
})

for (const path of ['/v2/_catalog?n=x', '/v2/_catalog?n=-1', '/v2/_catalog?n=1.5', '/v2/_catalog?n=1001', '/v2/a/tags/list?n=x', '/v2/a/tags/list?n=-1']) {
  test(`${path} is PAGINATION_NUMBER_INVALID`, async () => {
    await using registry = await startRegistry()
    await registry.pushImage('a', image, 'v1')
    const reply = await registry.get(path)
    assert.deepEqual([reply.status, reply.codes], [400, ['PAGINATION_NUMBER_INVALID']])
  })
}

async function pushReferrer(registry: RunningRegistry, artifactType: string, note: string): Promise<string> {
  const config = await registry.pushBlob('a', '{}')
  const empty = { mediaType: mediaTypes.ociEmpty, digest: config, size: 2 }
  const subject = { mediaType: mediaTypes.ociManifest, digest: image.digest, size: image.manifest.length }
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, artifactType, config: empty, layers: [empty], subject, annotations: { note } }
  return registry.pushManifest('a', note, manifest)
}

test('referrers are an index, filtered by artifactType when asked', async () => {
  await using registry = await startRegistry()
  await registry.pushImage('a', image, 'v1')
  const signature = await pushReferrer(registry, 'test/signature', 'one')
  await pushReferrer(registry, 'test/sbom', 'two')
  const all = await registry.get(`/v2/a/referrers/${image.digest}`)
  assert.deepEqual([all.status, all.headers['content-type'], all.headers['oci-filters-applied']], [200, mediaTypes.ociIndex, undefined])
  assert.equal(all.json<{ manifests: object[] }>().manifests.length, 2)
  const some = await registry.get(`/v2/a/referrers/${image.digest}?artifactType=test%2Fsignature`)
  assert.equal(some.headers['oci-filters-applied'], 'artifactType')
  const { schemaVersion, mediaType, manifests } = some.json<{ schemaVersion: number; mediaType: string; manifests: Record<string, unknown>[] }>()
  assert.deepEqual([schemaVersion, mediaType, manifests.length], [2, mediaTypes.ociIndex, 1])
  assert.deepEqual([manifests[0]?.['digest'], manifests[0]?.['artifactType'], manifests[0]?.['annotations']], [signature, 'test/signature', { note: 'one' }])
})

test('referrers come by pages when asked', async () => {
  await using registry = await startRegistry()
  const pushed = [await pushReferrer(registry, 'test/x', 'one'), await pushReferrer(registry, 'test/x', 'two'), await pushReferrer(registry, 'test/y', 'three')]
  const found = await pages(registry, `/v2/a/referrers/${image.digest}?n=1`, 'manifests')
  assert.deepEqual(
    found
      .flat()
      .map((entry) => (entry as unknown as { digest: string }).digest)
      .sort(),
    pushed.sort(),
  )
  assert.equal((await pages(registry, `/v2/a/referrers/${image.digest}?n=1&artifactType=test/x`, 'manifests')).length, 2)
})

test('what nothing refers to has an empty index, even in a repository that is not there', async () => {
  await using registry = await startRegistry()
  const reply = await registry.get(`/v2/nope/referrers/${image.digest}`)
  assert.equal(reply.status, 200)
  assert.deepEqual(reply.json(), { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] })
})

test('referrers of what is no digest are DIGEST_INVALID', async () => {
  await using registry = await startRegistry()
  const reply = await registry.get('/v2/a/referrers/latest')
  assert.deepEqual([reply.status, reply.codes], [400, ['DIGEST_INVALID']])
})
