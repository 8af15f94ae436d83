import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { startRegistry } from '../support/registry.ts'

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`

function put(text: string): string {
  return `POST /v2/a/blobs/uploads/?digest=${digestOf(text)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${text.length}\r\n\r\n${text}`
}

test('requests sent ahead are done and answered one after another', async () => {
  await using registry = await startRegistry()
  const words = ['one', 'two', 'three']
  const answers = await registry.sendRaw(words.map((word) => put(word) + get(`/v2/a/blobs/${digestOf(word)}`)).join(''))
  assert.deepEqual(
    answers.match(/HTTP\/1\.1 \d+|one|two|three/g),
    words.flatMap((word) => ['HTTP/1.1 201', 'HTTP/1.1 200', word]),
  )
  assert.deepEqual(
    registry.records.map(({ status }) => status),
    words.flatMap(() => [201, 200]),
  )
})

test('bytes that are no request are refused after the requests before them', async () => {
  await using registry = await startRegistry()
  const socket = connect(registry.port, '127.0.0.1')
  socket.write(`${put('hello')}${get('/v2/')}garbage\r\n\r\n`)
  assert.deepEqual((await buffer(socket)).toString().match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 201', 'HTTP/1.1 200', 'HTTP/1.1 400'])
})

test('a broken body in a request sent ahead is refused after the requests before it', async () => {
  await using registry = await startRegistry()
  const socket = connect(registry.port, '127.0.0.1')
  const broken = `POST /v2/a/blobs/uploads/?digest=${digestOf('x')} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n`
  socket.write(`${put('hello')}${broken}`)
  assert.deepEqual((await buffer(socket)).toString().match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 201', 'HTTP/1.1 400'])
  assert.equal((await registry.get(`/v2/a/blobs/${digestOf('x')}`)).status, 404)
  assert.deepEqual(registry.failures, [])
})

test('what follows a request that is said to be the last is nobody’s', async () => {
  await using registry = await startRegistry()
  const socket = connect(registry.port, '127.0.0.1')
  socket.write(get('/v2/', 'Connection: close\r\n') + put('hello'))
  assert.deepEqual((await buffer(socket)).toString().match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200'])
  assert.equal((await registry.get(`/v2/a/blobs/${digestOf('hello')}`)).status, 404)
})

test('a connection that sends a hundred requests ahead is ended, and the others are served', async () => {
  await using registry = await startRegistry()
  const socket = connect(registry.port, '127.0.0.1').on('error', () => undefined)
  socket.write(get('/v2/').repeat(100))
  await once(socket.resume(), 'close')
  assert.equal((await registry.get('/v2/')).status, 200)
})

test('a client that has sent all and says so gets its answer', async () => {
  await using registry = await startRegistry()
  assert.match(await registry.sendRaw(put('hello')), /^HTTP\/1\.1 201 /)
})
