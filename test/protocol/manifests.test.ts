import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { imageOf } from '../support/images.ts'
import { pathOf, type RunningRegistry, startRegistry } from '../support/registry.ts'

const image = imageOf('one')
const absent = `sha256:${'0'.repeat(64)}`

test('a manifest is stored and comes back byte for byte, by tag and by digest, to HEAD without a body', async () => {
  await using registry = await startRegistry()
  await registry.pushImage('a/b', image)
  const put = await registry.send('PUT', '/v2/a/b/manifests/v1', { body: image.manifest, headers: { 'content-type': mediaTypes.ociManifest } })
  assert.equal(put.status, 201)
  assert.equal(put.headers['docker-content-digest'], image.digest)
  assert.equal(put.headers['location'], `http://127.0.0.1:${registry.port}/v2/a/b/manifests/${image.digest}`)
  assert.equal(put.headers['content-length'], '0')
  for (const reference of ['v1', image.digest]) {
    for (const method of ['GET', 'HEAD']) {
      const reply = await registry.send(method, `/v2/a/b/manifests/${reference}`)
      assert.equal(reply.status, 200)
      assert.ok(reply.body.equals(method === 'GET' ? image.manifest : Buffer.alloc(0)))
      assert.equal(reply.headers['content-type'], mediaTypes.ociManifest)
      assert.equal(reply.headers['content-length'], String(image.manifest.length))
      assert.equal(reply.headers['docker-content-digest'], image.digest)
      assert.equal(reply.headers['etag'], `"${image.digest}"`)
    }
  }
})

test('If-None-Match with the digest is answered with 304, whatever the client accepts', async () => {
  await using registry = await startRegistry()
  await registry.pushImage('a', image, 'v1')
  for (const condition of [image.digest, `"${image.digest}"`, '*']) {
    const reply = await registry.get('/v2/a/manifests/v1', { 'if-none-match': condition, accept: mediaTypes.dockerManifest })
    assert.deepEqual([reply.status, reply.text], [304, ''])
  }
})

for (const [accept, status] of [
  ['*/*', 200],
  ['application/*', 200],
  [`${mediaTypes.dockerManifest}, ${mediaTypes.ociManifest};q=0.5`, 200],
  [mediaTypes.dockerManifest, 404],
  ['application/json', 404],
] as const) {
  test(`an OCI manifest for Accept ${accept} is answered with ${status}`, async () => {
    await using registry = await startRegistry()
    await registry.pushImage('a', image, 'v1')
    const reply = await registry.get('/v2/a/manifests/v1', { accept })
    assert.equal(reply.status, status)
    if (status === 404) assert.match(reply.text, /"MANIFEST_UNKNOWN","message":"OCI manifest found, but accept header does not support OCI manifests"/)
  })
}

async function pushList(registry: RunningRegistry): Promise<{ list: string; child: string }> {
  const described = {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    ...(JSON.parse(image.manifest.toString()) as { config: object; layers: object[] }),
  }
  await registry.pushImage('a', image)
  const manifest = Buffer.from(JSON.stringify({ ...described, mediaType: mediaTypes.dockerManifest }))
  const child = await registry.pushManifest('a', digestOf(manifest), manifest)
  const entry = { mediaType: mediaTypes.dockerManifest, digest: child, size: manifest.length, platform: { os: 'linux', architecture: 'amd64' } }
  const list = await registry.pushManifest('a', 'list', { schemaVersion: 2, mediaType: mediaTypes.dockerManifestList, manifests: [entry] })
  return { list, child }
}

test('a manifest list by tag is its linux/amd64 manifest to a client that knows no lists', async () => {
  await using registry = await startRegistry()
  const { list, child } = await pushList(registry)
  const got = async (reference: string, accept?: string) =>
    (await registry.get(`/v2/a/manifests/${reference}`, accept === undefined ? {} : { accept })).headers['docker-content-digest']
  assert.equal(await got('list', mediaTypes.dockerManifest), child)
  assert.equal(await got('list', mediaTypes.dockerManifestList), list)
  assert.equal(await got('list', '*/*'), list)
  assert.equal(await got('list'), list)
  assert.equal(await got(list, mediaTypes.dockerManifest), list)
})

test('PUT by digest gives it all the tags it names', async () => {
  await using registry = await startRegistry()
  await registry.pushImage('a', image)
  const reply = await registry.send('PUT', `/v2/a/manifests/${image.digest}?tag=x&tag=y&tag=x`, {
    body: image.manifest,
    headers: { 'content-type': mediaTypes.ociManifest },
  })
  const tags = reply.rawHeaders.filter((_, index) => reply.rawHeaders[index - 1]?.toLowerCase() === 'oci-tag')
  assert.deepEqual([reply.status, tags], [201, ['x', 'y']])
  assert.deepEqual((await registry.get('/v2/a/tags/list')).json(), { name: 'a', tags: ['x', 'y'] })
})

test('PUT by digest with a bad tag stores nothing', async () => {
  await using registry = await startRegistry()
  await registry.pushImage('a', image)
  const reply = await registry.send('PUT', `/v2/a/manifests/${image.digest}?tag=x&tag=-y`, { body: image.manifest })
  assert.deepEqual([reply.status, reply.codes], [400, ['TAG_INVALID']])
  assert.equal((await registry.get(`/v2/a/manifests/${image.digest}`)).status, 404)
})

test('a manifest with a subject is answered with OCI-Subject', async () => {
  await using registry = await startRegistry()
  const config = await registry.pushBlob('a', '{}')
  const empty = { mediaType: mediaTypes.ociEmpty, digest: config, size: 2 }
  const subject = { mediaType: mediaTypes.ociManifest, digest: absent, size: 10 }
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: empty, layers: [empty], subject })
  const reply = await registry.send('PUT', '/v2/a/manifests/sig', { body, headers: { 'content-type': `${mediaTypes.ociManifest}; charset=utf-8` } })
  assert.deepEqual([reply.status, reply.headers['oci-subject']], [201, absent])
})

test('a manifest that names missing blobs is refused with all of them', async () => {
  await using registry = await startRegistry()
  const reply = await registry.send('PUT', '/v2/a/manifests/v1', { body: image.manifest, headers: { 'content-type': mediaTypes.ociManifest } })
  assert.deepEqual([reply.status, reply.codes], [400, ['MANIFEST_BLOB_UNKNOWN', 'MANIFEST_BLOB_UNKNOWN']])
  for (const blob of image.blobs) assert.ok(reply.text.includes(digestOf(blob)))
  assert.equal((await registry.get('/v2/a/manifests/v1')).status, 404)
})

const nested = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
const refused = [
  ['is not JSON', 'hello', mediaTypes.ociManifest, 400],
  ['is empty', '', mediaTypes.ociManifest, 400],
  ['is 5 MiB', `"${'x'.repeat(5 * 1024 * 1024)}"`, mediaTypes.ociManifest, 413],
  ['nests 10,000 deep', `{"schemaVersion":2,"layers":${nested}}`, mediaTypes.ociManifest, 400],
  ['has a key twice', '{"schemaVersion":2,"schemaVersion":2}', mediaTypes.ociManifest, 400],
  ['is of another type than its header says', image.manifest.toString(), mediaTypes.ociIndex, 400],
  ['is schema 1', '{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}', mediaTypes.dockerSchema1Signed, 400],
] as const

for (const [what, body, contentType, status] of refused) {
  test(`a manifest that ${what} is refused with ${status}`, async () => {
    await using registry = await startRegistry()
    await registry.pushImage('a', image)
    for (const encoding of [{}, { 'transfer-encoding': 'chunked' }]) {
      const reply = await registry.send('PUT', '/v2/a/manifests/v1', { body, headers: { 'content-type': contentType, ...encoding } })
      assert.deepEqual([reply.status, reply.codes], [status, ['MANIFEST_INVALID']])
    }
    assert.equal((await registry.get('/v2/a/manifests/v1')).status, 404)
  })
}

test('bytes that do not match the digest they are put under are refused', async () => {
  await using registry = await startRegistry()
  await registry.pushImage('a', image)
  const reply = await registry.send('PUT', `/v2/a/manifests/${absent}`, { body: image.manifest, headers: { 'content-type': mediaTypes.ociManifest } })
  assert.deepEqual([reply.status, reply.codes], [400, ['DIGEST_INVALID']])
})

for (const [reference, status, code] of [
  ['nope', 404, 'MANIFEST_UNKNOWN'],
  [absent, 404, 'MANIFEST_UNKNOWN'],
  ['sha256:abc', 400, 'DIGEST_INVALID'],
  ['md5:d41d8cd98f00b204e9800998ecf8427e', 400, 'DIGEST_INVALID'],
  ['-x', 400, 'TAG_INVALID'],
  ['a'.repeat(129), 400, 'TAG_INVALID'],
  ['a%252Fb', 400, 'TAG_INVALID'],
  ['%00', 400, 'TAG_INVALID'],
] as const) {
  test(`the manifest ${reference.slice(0, 20)} is answered with ${status} ${code}`, async () => {
    await using registry = await startRegistry()
    for (const method of ['GET', 'DELETE']) {
      const reply = await registry.send(method, `/v2/a/manifests/${reference}`)
      assert.deepEqual([reply.status, reply.codes], [status, [code]])
    }
  })
}

test('a digest may come percent-encoded, once', async () => {
  await using registry = await startRegistry()
  await registry.pushImage('a', image, 'v1')
  assert.equal((await registry.get(`/v2/a/manifests/${encodeURIComponent(image.digest)}`)).status, 200)
  assert.equal((await registry.get(`/v2/a/manifests/${image.digest.replace(':', '%253A')}`)).codes[0], 'TAG_INVALID')
})

test('DELETE by tag takes the tag, by digest the manifest with all its tags', async () => {
  await using registry = await startRegistry()
  await registry.pushImage('a', image, 'x', 'y', 'z')
  const byTag = await registry.send('DELETE', '/v2/a/manifests/x')
  assert.deepEqual([byTag.status, byTag.headers['content-length']], [202, '0'])
  assert.equal((await registry.get('/v2/a/manifests/x')).status, 404)
  assert.equal((await registry.get('/v2/a/manifests/y')).status, 200)
  assert.equal((await registry.send('DELETE', `/v2/a/manifests/${image.digest}`)).status, 202)
  assert.deepEqual((await registry.get('/v2/a/tags/list')).json(), { name: 'a', tags: [] })
  assert.equal((await registry.send('DELETE', `/v2/a/manifests/${image.digest}`)).status, 404)
})

test('with deletion off neither a tag nor a manifest can be deleted', async () => {
  await using registry = await startRegistry({ settings: { deletionEnabled: false } })
  await registry.pushImage('a', image, 'v1')
  for (const reference of ['v1', image.digest]) {
    const reply = await registry.send('DELETE', `/v2/a/manifests/${reference}`)
    assert.deepEqual([reply.status, reply.codes, reply.headers['allow']], [405, ['UNSUPPORTED'], 'GET, HEAD, PUT'])
  }
  assert.equal((await registry.get('/v2/a/manifests/v1')).status, 200)
})

test('repositories may be called as the parts of the API are', async () => {
  await using registry = await startRegistry()
  for (const name of ['a/manifests/b', 'x/blobs/uploads', 'tags/list', 'manifests/tags/list/blobs', 'v2/uploads']) {
    await registry.pushImage(name, image, 'v1')
    assert.equal((await registry.get(`/v2/${name}/manifests/v1`)).status, 200, name)
    assert.deepEqual((await registry.get(`/v2/${name}/tags/list`)).json(), { name, tags: ['v1'] })
    assert.equal((await registry.get(`/v2/${name}/blobs/${digestOf(image.blobs[0] ?? '')}`)).status, 200)
  }
})

test('the address a push is answered with leads to the manifest', async () => {
  await using registry = await startRegistry()
  await registry.pushImage('a/b', image)
  const put = await registry.send('PUT', '/v2/a/b/manifests/v1', { body: image.manifest, headers: { 'content-type': mediaTypes.ociManifest } })
  assert.ok((await registry.get(pathOf(put.headers['location']))).body.equals(image.manifest))
})
