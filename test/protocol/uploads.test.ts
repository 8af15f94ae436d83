import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { pathOf, type RunningRegistry, startRegistry } from '../support/registry.ts'

const hello = Buffer.from('hello')
const digest = digestOf(hello)

async function start(registry: RunningRegistry, name = 'a/b'): Promise<string> {
  return pathOf((await registry.send('POST', `/v2/${name}/blobs/uploads/`)).headers['location'])
}

test('an upload begins with 202, its address and its id', async () => {
  await using registry = await startRegistry()
  const reply = await registry.send('POST', '/v2/a/b/blobs/uploads/')
  const id = String(reply.headers['docker-upload-uuid'])
  assert.equal(reply.status, 202)
  assert.match(id, /^[0-9a-f-]{36}$/)
  assert.equal(reply.headers['location'], `http://127.0.0.1:${registry.port}/v2/a/b/blobs/uploads/${id}`)
  assert.equal(reply.headers['range'], '0-0')
  assert.equal(reply.headers['content-length'], '0')
})

test('uploads without the last slash begin as well', async () => {
  await using registry = await startRegistry()
  assert.equal((await registry.send('POST', '/v2/a/b/blobs/uploads')).status, 202)
})

test('a whole blob in one PUT', async () => {
  await using registry = await startRegistry()
  const reply = await registry.send('PUT', `${await start(registry)}?digest=${digest}`, { body: hello })
  assert.equal(reply.status, 201)
  assert.equal(reply.headers['location'], `http://127.0.0.1:${registry.port}/v2/a/b/blobs/${digest}`)
  assert.equal(reply.headers['docker-content-digest'], digest)
  assert.equal(reply.headers['content-length'], '0')
  assert.equal((await registry.get(`/v2/a/b/blobs/${digest}`)).text, 'hello')
})

test('a whole blob in one POST', async () => {
  await using registry = await startRegistry()
  const reply = await registry.send('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: hello })
  assert.deepEqual([reply.status, reply.headers['docker-content-digest']], [201, digest])
  assert.equal((await registry.get(`/v2/a/blobs/${digest}`)).text, 'hello')
  const wrong = await registry.send('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: 'other' })
  assert.deepEqual([wrong.status, wrong.codes], [400, ['DIGEST_INVALID']])
})

test('a stream without Content-Length, then a PUT without a body, as docker does', async () => {
  await using registry = await startRegistry()
  const path = await start(registry)
  const patch = await registry.send('PATCH', path, { body: Readable.from([Buffer.from('hel'), Buffer.from('lo')]) })
  assert.deepEqual([patch.status, patch.headers['range'], patch.headers['content-length']], [202, '0-4', '0'])
  assert.equal(pathOf(patch.headers['location']), path)
  assert.equal((await registry.send('PUT', `${path}?digest=${digest}`)).status, 201)
})

test('chunks with Content-Range, the last one in the PUT, and the offset between them', async () => {
  await using registry = await startRegistry()
  const path = await start(registry)
  assert.equal((await registry.send('PATCH', path, { body: 'he', headers: { 'content-range': '0-1' } })).headers['range'], '0-1')
  assert.equal((await registry.send('PATCH', path, { body: 'l', headers: { 'content-range': '2-2' } })).headers['range'], '0-2')
  const status = await registry.get(path)
  assert.deepEqual([status.status, status.headers['range'], status.text], [204, '0-2', ''])
  assert.equal(status.headers['docker-upload-uuid'], path.split('/').at(-1))
  assert.equal((await registry.send('PUT', `${path}?digest=${digest}`, { body: 'lo', headers: { 'content-range': '3-4' } })).status, 201)
})

for (const [range, why] of [
  ['5-6', 'too far'],
  ['0-1', 'sent already'],
  ['x', 'cannot be read'],
] as const) {
  test(`a chunk that is ${why} is 416 with the true offset, and the upload goes on`, async () => {
    await using registry = await startRegistry()
    const path = await start(registry)
    await registry.send('PATCH', path, { body: 'hel' })
    for (const method of ['PATCH', 'PUT']) {
      const target = method === 'PUT' ? `${path}?digest=${digest}` : path
      const reply = await registry.send(method, target, { body: 'lo', headers: { 'content-range': range } })
      assert.deepEqual([reply.status, reply.codes, reply.headers['range']], [416, ['RANGE_INVALID'], '0-2'], method)
      assert.equal(pathOf(reply.headers['location']), path)
    }
    assert.equal((await registry.send('PUT', `${path}?digest=${digest}`, { body: 'lo', headers: { 'content-range': '3-4' } })).status, 201)
  })
}

test('a Content-Range that does not fit Content-Length is SIZE_INVALID', async () => {
  await using registry = await startRegistry()
  const path = await start(registry)
  const reply = await registry.send('PATCH', path, { body: 'hello', headers: { 'content-range': '0-9' } })
  assert.deepEqual([reply.status, reply.codes], [400, ['SIZE_INVALID']])
  assert.equal((await registry.get(path)).headers['range'], '0-0')
})

test('two clients on one upload: one wins, the other gets 416', async () => {
  await using registry = await startRegistry()
  const path = await start(registry)
  const slow = connect(registry.port, '127.0.0.1')
  slow.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel`)
  while ((await registry.get(path)).headers['range'] !== '0-2');
  const other = await registry.send('PATCH', path, { body: 'xx' })
  assert.deepEqual([other.status, other.codes], [416, ['RANGE_INVALID']])
  slow.write('lo')
  await once(slow, 'data')
  slow.destroy()
  assert.equal((await registry.send('PUT', `${path}?digest=${digest}`)).status, 201)
})

test('after a dropped connection the upload goes on where it stopped', async () => {
  await using registry = await startRegistry()
  const path = await start(registry)
  const socket = connect(registry.port, '127.0.0.1')
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel`)
  while ((await registry.get(path)).headers['range'] !== '0-2');
  socket.destroy()
  const finish = () => registry.send('PUT', `${path}?digest=${digest}`, { body: 'lo', headers: { 'content-range': '3-4' } })
  let reply = await finish()
  while (reply.status === 416) reply = await finish() // the server may not know yet that the first writer is gone
  assert.equal(reply.status, 201)
  assert.deepEqual(registry.failures, [])
})

test('after a restart the upload goes on where it stopped', async () => {
  await using first = await startRegistry()
  const path = await start(first)
  await first.send('PATCH', path, { body: 'hel' })
  await first.stop()
  await using second = await startRegistry({ folder: first.folder })
  assert.equal((await second.get(path)).headers['range'], '0-2')
  assert.equal((await second.send('PUT', `${path}?digest=${digest}`, { body: 'lo' })).status, 201)
})

test('bytes that do not match their digest end the upload and store nothing', async () => {
  await using registry = await startRegistry()
  const path = await start(registry)
  const reply = await registry.send('PUT', `${path}?digest=${digest}`, { body: 'other' })
  assert.deepEqual([reply.status, reply.codes], [400, ['DIGEST_INVALID']])
  assert.equal((await registry.get(path)).status, 404)
  assert.equal((await registry.get(`/v2/a/b/blobs/${digest}`)).status, 404)
})

for (const query of ['', '?digest=', '?digest=sha256:abc', '?digest=md5:d41d8cd98f00b204e9800998ecf8427e']) {
  test(`a PUT with ${query || 'no digest'} is refused and may be tried again`, async () => {
    await using registry = await startRegistry()
    const path = await start(registry)
    await registry.send('PATCH', path, { body: hello })
    const reply = await registry.send('PUT', `${path}${query}`)
    assert.deepEqual([reply.status, reply.codes], [400, ['DIGEST_INVALID']])
    assert.equal((await registry.send('PUT', `${path}?digest=${digest}`)).status, 201)
  })
}

test('a cancelled upload is gone', async () => {
  await using registry = await startRegistry()
  const path = await start(registry)
  const reply = await registry.send('DELETE', path)
  assert.deepEqual([reply.status, reply.headers['docker-upload-uuid']], [204, path.split('/').at(-1)])
  for (const method of ['GET', 'PATCH', 'DELETE']) assert.deepEqual((await registry.send(method, path)).status, 404, method)
})

for (const session of ['nope', '..', '%2e%2e', 'a%2Fb', '00000000-0000-0000-0000-000000000000']) {
  test(`the upload ${session} is not known`, async () => {
    await using registry = await startRegistry()
    const reply = await registry.get(`/v2/a/blobs/uploads/${session}`)
    assert.deepEqual([reply.status, reply.codes], [404, ['BLOB_UPLOAD_UNKNOWN']])
  })
}

test('a blob is mounted from a repository that has it', async () => {
  await using registry = await startRegistry()
  await registry.pushBlob('x/y', hello)
  const reply = await registry.send('POST', `/v2/a/b/blobs/uploads/?mount=${digest}&from=x/y`)
  assert.equal(reply.status, 201)
  assert.equal(reply.headers['docker-content-digest'], digest)
  assert.equal(pathOf(reply.headers['location']), `/v2/a/b/blobs/${digest}`)
  assert.equal((await registry.get(`/v2/a/b/blobs/${digest}`)).text, 'hello')
})

test('a blob is mounted without a word of where it is', async () => {
  await using registry = await startRegistry()
  await registry.pushBlob('x/y', hello)
  assert.equal((await registry.send('POST', `/v2/a/b/blobs/uploads/?mount=${digest}`)).status, 201)
})

for (const from of ['x/z', 'NOT A NAME', '../x']) {
  test(`a mount from ${from} becomes an upload`, async () => {
    await using registry = await startRegistry()
    await registry.pushBlob('x/y', hello)
    const reply = await registry.send('POST', `/v2/a/b/blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`)
    assert.deepEqual([reply.status, reply.headers['range']], [202, '0-0'])
  })
}

test('a mount of what is no digest is refused', async () => {
  await using registry = await startRegistry()
  assert.deepEqual((await registry.send('POST', '/v2/a/b/blobs/uploads/?mount=sha256:1&from=x')).codes, ['DIGEST_INVALID'])
})

test('digest-algorithm takes what can be computed', async () => {
  await using registry = await startRegistry()
  const long = digestOf(hello, 'sha512')
  const started = await registry.send('POST', '/v2/a/blobs/uploads/?digest-algorithm=sha512')
  assert.equal(started.status, 202)
  assert.equal((await registry.send('PUT', `${pathOf(started.headers['location'])}?digest=${long}`, { body: hello })).status, 201)
  assert.deepEqual((await registry.send('POST', '/v2/a/blobs/uploads/?digest-algorithm=md5')).codes, ['DIGEST_INVALID'])
})

test('a big blob arrives whole in one PATCH', async () => {
  await using registry = await startRegistry()
  const bytes = randomBytes(24 * 1024 * 1024)
  const path = await start(registry)
  assert.equal((await registry.send('PATCH', path, { body: bytes })).headers['range'], `0-${bytes.length - 1}`)
  assert.equal((await registry.send('PUT', `${path}?digest=${digestOf(bytes)}`)).status, 201)
  assert.ok((await registry.get(`/v2/a/b/blobs/${digestOf(bytes)}`)).body.equals(bytes))
  assert.equal(registry.records.find(({ endpoint }) => endpoint === 'end-5')?.bytesReceived, bytes.length)
})

for (const [headers, location] of [
  [{ host: 'registry.test:5000' }, 'http://registry.test:5000/v2/'],
  [{ host: 'in.test', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'out.test, in.test' }, 'https://out.test/v2/'],
  [{ host: 'in.test', forwarded: 'for=1.2.3.4;proto=https;host="out.test:8443", for=5.6.7.8;host=other' }, 'https://out.test:8443/v2/'],
  [{ host: 'in.test', forwarded: 'for=1.2.3.4', 'x-forwarded-host': 'ignored.test' }, 'http://in.test/v2/'],
  [{ host: 'in.test', forwarded: `${'a'.repeat(5000)}=${' '.repeat(9000)}"x` }, 'http://in.test/v2/'], // minutes, for a pattern that goes back and forth
  [{ host: 'in.test', 'x-forwarded-host': 'evil test"', 'x-forwarded-proto': 'javascript' }, 'http://in.test/v2/'],
] as const) {
  test(`Location for ${JSON.stringify(headers).replaceAll(/(.)\1{9,}/g, '$1…')} begins with ${location}`, async () => {
    await using registry = await startRegistry()
    const reply = await registry.send('POST', '/v2/a/blobs/uploads/', { headers })
    assert.ok(String(reply.headers['location']).startsWith(location), String(reply.headers['location']))
  })
}

for (const [settings, location] of [
  [{ host: 'https://registry.test/' }, 'https://registry.test/v2/a/'],
  [{ relativeUrls: true }, '/v2/a/'],
  [{ relativeUrls: true, host: 'https://registry.test' }, 'https://registry.test/v2/a/'],
] as const) {
  test(`Location with ${JSON.stringify(settings)} begins with ${location}`, async () => {
    await using registry = await startRegistry({ settings })
    const reply = await registry.send('POST', '/v2/a/blobs/uploads/', { headers: { 'x-forwarded-host': 'other.test' } })
    assert.ok(String(reply.headers['location']).startsWith(location), String(reply.headers['location']))
  })
}
