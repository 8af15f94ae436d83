import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { startRegistry } from '../support/registry.ts'

const hello = Buffer.from('hello')
const digest = digestOf(hello)
const absent = `sha256:${'0'.repeat(64)}`

test('a blob comes back with its headers, to HEAD without a body', async () => {
  await using registry = await startRegistry()
  await registry.pushBlob('a/b', hello)
  for (const method of ['GET', 'HEAD']) {
    const reply = await registry.send(method, `/v2/a/b/blobs/${digest}`)
    assert.equal(reply.status, 200)
    assert.equal(reply.text, method === 'GET' ? 'hello' : '')
    assert.equal(reply.headers['content-length'], '5')
    assert.equal(reply.headers['content-type'], 'application/octet-stream')
    assert.equal(reply.headers['docker-content-digest'], digest)
    assert.equal(reply.headers['etag'], `"${digest}"`)
    assert.equal(reply.headers['cache-control'], 'max-age=31536000')
    assert.equal(reply.headers['accept-ranges'], 'bytes')
  }
})

test('an empty blob and one with sha512 come back', async () => {
  await using registry = await startRegistry()
  const empty = await registry.pushBlob('a', '')
  const long = await registry.pushBlob('a', hello, 'sha512')
  const reply = await registry.get(`/v2/a/blobs/${empty}`)
  assert.deepEqual([reply.status, reply.text, reply.headers['content-length']], [200, '', '0'])
  assert.equal((await registry.get(`/v2/a/blobs/${long}`)).text, 'hello')
})

const ranges = [
  ['bytes=1-2', 206, 'el', 'bytes 1-2/5'],
  ['bytes=3-', 206, 'lo', 'bytes 3-4/5'],
  ['bytes=-2', 206, 'lo', 'bytes 3-4/5'],
  ['bytes=0-99', 206, 'hello', 'bytes 0-4/5'],
  ['bytes=0-1,3-4', 200, 'hello', undefined],
  ['lines=1-2', 200, 'hello', undefined],
] as const

for (const [range, status, text, contentRange] of ranges) {
  test(`Range ${range} is answered with ${status}`, async () => {
    await using registry = await startRegistry()
    await registry.pushBlob('a', hello)
    const reply = await registry.get(`/v2/a/blobs/${digest}`, { range })
    assert.deepEqual([reply.status, reply.text, reply.headers['content-range']], [status, text, contentRange])
    assert.equal(reply.headers['content-length'], String(text.length))
  })
}

test('a range that is not there is 416 with the size', async () => {
  await using registry = await startRegistry()
  await registry.pushBlob('a', hello)
  const reply = await registry.get(`/v2/a/blobs/${digest}`, { range: 'bytes=100-' })
  assert.deepEqual([reply.status, reply.headers['content-range'], reply.codes], [416, 'bytes */5', ['RANGE_INVALID']])
})

test('If-Range with another tag asks for the whole', async () => {
  await using registry = await startRegistry()
  await registry.pushBlob('a', hello)
  assert.equal((await registry.get(`/v2/a/blobs/${digest}`, { range: 'bytes=1-2', 'if-range': '"other"' })).status, 200)
  assert.equal((await registry.get(`/v2/a/blobs/${digest}`, { range: 'bytes=1-2', 'if-range': `"${digest}"` })).status, 206)
})

for (const condition of [`"${digest}"`, digest, `W/"${digest}"`, `"x", "${digest}"`, '*']) {
  test(`If-None-Match ${condition.replace(digest, 'DIGEST')} is answered with 304`, async () => {
    await using registry = await startRegistry()
    await registry.pushBlob('a', hello)
    const reply = await registry.get(`/v2/a/blobs/${digest}`, { 'if-none-match': condition, range: 'bytes=1-2' })
    assert.deepEqual([reply.status, reply.text, reply.headers['etag']], [304, '', `"${digest}"`])
    assert.equal((await registry.get(`/v2/a/blobs/${digest}`, { 'if-none-match': '"x"' })).status, 200)
  })
}

test('a blob of another repository is not there', async () => {
  await using registry = await startRegistry()
  await registry.pushBlob('a', hello)
  const reply = await registry.get(`/v2/b/blobs/${digest}`)
  assert.deepEqual([reply.status, reply.codes], [404, ['BLOB_UNKNOWN']])
  assert.equal((await registry.send('HEAD', `/v2/a/blobs/${absent}`)).status, 404)
})

test('a deleted blob is gone', async () => {
  await using registry = await startRegistry()
  await registry.pushBlob('a', hello)
  const reply = await registry.send('DELETE', `/v2/a/blobs/${digest}`)
  assert.deepEqual([reply.status, reply.headers['content-length']], [202, '0'])
  assert.equal((await registry.get(`/v2/a/blobs/${digest}`)).status, 404)
  assert.deepEqual((await registry.send('DELETE', `/v2/a/blobs/${digest}`)).codes, ['BLOB_UNKNOWN'])
})

test('with deletion off, the answer names the setting', async () => {
  await using registry = await startRegistry({ settings: { deletionEnabled: false } })
  await registry.pushBlob('a', hello)
  const reply = await registry.send('DELETE', `/v2/a/blobs/${digest}`)
  assert.deepEqual([reply.status, reply.codes, reply.headers['allow']], [405, ['UNSUPPORTED'], 'GET, HEAD'])
  assert.match(reply.text, /"hint":"[^"]*storage\.delete\.enabled[^"]*REGISTRY_STORAGE_DELETE_ENABLED=true/)
  assert.equal((await registry.get(`/v2/a/blobs/${digest}`)).status, 200)
})

test('a client that leaves in the middle of a download costs nothing', async () => {
  await using registry = await startRegistry()
  const big = await registry.pushBlob('a', randomBytes(32 * 1024 * 1024))
  const socket = connect(registry.port, '127.0.0.1')
  socket.write(`GET /v2/a/blobs/${big} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await once(socket, 'data')
  socket.destroy()
  await registry.stop(10_000)
  assert.equal(registry.records.at(-1)?.status, 499)
  assert.deepEqual(registry.failures, [])
})
