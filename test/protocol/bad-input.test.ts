import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import type { Driver } from '../../src/volume/driver.ts'
import { authenticatorFor, pathOf, startRegistry } from '../support/registry.ts'

const names = {
  'two dots': 'a/../b',
  'encoded dots': 'a/%2e%2e/b',
  'an encoded slash': 'a%2Fb',
  'double encoding': 'a%252Fb',
  'doubly encoded dots': 'a/%252e%252e/b',
  'an encoded NUL': 'a%00b',
  'bad encoding': 'a%zzb',
  capitals: 'a/B',
  'an empty part': 'a//b',
  'a part that is reserved': 'a/_uploads',
  '300 characters': 'a'.repeat(300),
  'letters of other scripts': encodeURIComponent('añb'),
  'a line feed': 'a%0Ab',
}

for (const [what, name] of Object.entries(names)) {
  test(`a name with ${what} is NAME_INVALID and leaves nothing behind`, async () => {
    await using registry = await startRegistry()
    const requests = [
      ['GET', `/v2/${name}/tags/list`],
      ['GET', `/v2/${name}/manifests/latest`],
      ['POST', `/v2/${name}/blobs/uploads/`],
      ['PUT', `/v2/${name}/manifests/latest`],
    ] as const
    for (const [method, path] of requests) {
      const reply = await registry.send(method, path)
      assert.deepEqual([reply.status, reply.codes], [400, ['NAME_INVALID']], path)
    }
    assert.deepEqual(await readdir(`${registry.folder}/docker/registry/v2/repositories`).catch(() => []), [])
  })
}

test('without credentials a bad name is still 401', async () => {
  await using registry = await startRegistry({ authenticator: authenticatorFor('alice', 'secret') })
  assert.equal((await registry.get('/v2/a%00b/tags/list')).status, 401)
})

test('bytes that are no HTTP are answered with 400', async () => {
  await using registry = await startRegistry()
  assert.match(await registry.sendRaw('hello\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request\r\n/)
  assert.match(await registry.sendRaw('GET /v2/\0 HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request\r\n/)
  assert.equal((await registry.get('/v2/')).status, 200)
})

test('headers that are too large are 431', async () => {
  await using registry = await startRegistry()
  assert.match(await registry.sendRaw(`GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /)
})

test('headers that do not end are cut off', async () => {
  await using registry = await startRegistry({ settings: { headersTimeoutMs: 200 } })
  const socket = connect(registry.port, '127.0.0.1')
  socket.write('GET /v2/ HTTP/1.1\r\nHost:')
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  assert.match(bytes.toString(), /^HTTP\/1\.1 408 /)
  await once(socket, 'close')
})

test('a request to a proxy and one for the whole server are answered', async () => {
  await using registry = await startRegistry()
  assert.match(await registry.sendRaw('GET http://registry.test/v2/ HTTP/1.1\r\nHost: registry.test\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 200 /)
  assert.match(await registry.sendRaw('OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 404 /)
})

test('a body shorter than Content-Length keeps what came, and nothing is stored', async () => {
  await using registry = await startRegistry()
  const path = pathOf((await registry.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
  const answer = await registry.sendRaw(`PUT ${path}?digest=${digestOf('hel')} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel`)
  assert.doesNotMatch(answer, / 201 /)
  assert.equal((await registry.get(`/v2/a/blobs/${digestOf('hel')}`)).status, 404)
  assert.deepEqual(registry.failures, [])
})

test('bytes behind a body are no part of it', async () => {
  await using registry = await startRegistry()
  const path = pathOf((await registry.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
  const socket = connect(registry.port, '127.0.0.1')
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nhello`)
  const answers = (await buffer(socket)).toString()
  assert.deepEqual(answers.match(/^HTTP\/1\.1 \d+/gm), ['HTTP/1.1 202', 'HTTP/1.1 400'])
  assert.equal((await registry.get(path)).headers['range'], '0-2')
})

test('a client that is refused in the middle of a big upload gets the answer', async () => {
  await using registry = await startRegistry({ authenticator: authenticatorFor('alice', 'secret') })
  const body = Readable.from(chunks(64), { objectMode: false })
  const reply = await registry.send('PATCH', '/v2/a/blobs/uploads/x', { body })
  assert.deepEqual([reply.status, reply.headers['connection']], [401, 'close'])
})

function* chunks(count: number): Generator<Buffer> {
  for (let index = 0; index < count; index++) yield Buffer.alloc(1024 * 1024)
}

test('a client that asks for leave to send is refused before it sends', async () => {
  await using registry = await startRegistry()
  const socket = connect(registry.port, '127.0.0.1')
  socket.write('PUT /v2/a/manifests/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9000000\r\n\r\n')
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  assert.match(bytes.toString(), /^HTTP\/1\.1 413 /)
  socket.destroy()
})

test('a client that asks for leave to send gets it', async () => {
  await using registry = await startRegistry()
  const path = pathOf((await registry.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
  const socket = connect(registry.port, '127.0.0.1')
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`)
  const [leave] = (await once(socket, 'data')) as [Buffer]
  assert.match(leave.toString(), /^HTTP\/1\.1 100 /)
  socket.write('hello')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 202 /)
  socket.destroy()
})

test('a failure inside is 500 UNKNOWN that tells nothing, and is reported', async () => {
  const trouble = { isThere: false }
  await using registry = await startRegistry({ wrapDriver: (driver) => troubled(driver, trouble) })
  trouble.isThere = true
  const reply = await registry.send('POST', '/v2/a/blobs/uploads/')
  assert.equal(reply.status, 500)
  assert.equal(reply.text, '{"errors":[{"code":"UNKNOWN","message":"unknown error"}]}\n')
  assert.match(String(registry.failures[0]), /EIO/)
})

/** A driver whose folders cannot be made while there is trouble. */
function troubled(driver: Driver, trouble: { isThere: boolean }): Driver {
  return new Proxy(driver, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      if (key === 'makeFolder' && trouble.isThere) return () => Promise.reject(new Error('EIO: i/o error'))
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
