import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { pathOf, startRegistry } from '../support/registry.ts'

const FOLLOWING = 'GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n'
const start = (headers: string, body = '', version = '1.1') => `POST /v2/a/blobs/uploads/ HTTP/${version}\r\n${headers}\r\n\r\n${body}`
const chunked = (body: string, headers = 'Host: x') => start(`${headers}\r\nTransfer-Encoding: chunked`, body)
const get = (headers: string, target = '/v2/') => `GET ${target} HTTP/1.1\r\n${headers}\r\n\r\n`

/** Everything that two readers might take for two things: RFC 9112, and the request-smuggling literature. */
const ambiguous: Readonly<Record<string, readonly [bytes: string, status: number]>> = {
  'two Hosts': [get('Host: x\r\nHost: y'), 400],
  'the same Host twice': [get('Host: x\r\nHost: x'), 400],
  'no Host': [get('X: y'), 400],
  'a Host that is none': [get('Host: x y/z'), 400],
  'a Host with a user': [get('Host: a@b'), 400],
  'Content-Length and Transfer-Encoding': [start('Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'), 400],
  'Transfer-Encoding and Content-Length': [start('Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n'), 400],
  'two Content-Lengths': [start('Host: x\r\nContent-Length: 0\r\nContent-Length: 5'), 400],
  'the same Content-Length twice': [start('Host: x\r\nContent-Length: 0\r\nContent-Length: 0'), 400],
  'a list of Content-Lengths': [start('Host: x\r\nContent-Length: 0, 0'), 400],
  'an empty Content-Length': [start('Host: x\r\nContent-Length:'), 400],
  'a Content-Length with a sign': [start('Host: x\r\nContent-Length: +0'), 400],
  'a negative Content-Length': [start('Host: x\r\nContent-Length: -1'), 400],
  'a Content-Length in hex': [start('Host: x\r\nContent-Length: 0x0'), 400],
  'a Content-Length of 2^64': [start('Host: x\r\nContent-Length: 18446744073709551616'), 400],
  'a coding before chunked': [start('Host: x\r\nTransfer-Encoding: gzip, chunked', '0\r\n\r\n'), 501],
  'a coding after chunked': [start('Host: x\r\nTransfer-Encoding: chunked, gzip', '0\r\n\r\n'), 400],
  'chunked twice': [start('Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'), 400],
  'chunked in HTTP/1.0': [start('Host: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked', '0\r\n\r\n', '1.0'), 400],
  'the coding identity': [start('Host: x\r\nTransfer-Encoding: identity', '0\r\n\r\n'), 400],
  'the coding xchunked': [start('Host: x\r\nTransfer-Encoding: xchunked', '0\r\n\r\n'), 400],
  'a chunk of 2^68 bytes': [chunked('fffffffffffffffff\r\n'), 400],
  'a chunk of -1 byte': [chunked('-1\r\nx\r\n0\r\n\r\n'), 400],
  'a chunk size before white space': [chunked('0 \r\n\r\n'), 400],
  'a chunk longer than its size': [chunked('1\r\nxx\r\n0\r\n\r\n'), 400],
  'a chunk with a bare line feed': [chunked('0\n\n'), 400],
  'a Content-Length in the trailers': [chunked('0\r\nContent-Length: 99\r\n\r\n'), 400],
  'a chunk extension without end': [chunked(`1;${'a'.repeat(100_000)}`), 400],
  'white space before a colon': [get('Host : x'), 400],
  'a folded header': [get('Host: x\r\nX: a\r\n b'), 400],
  'a folded start line': [`GET /v2/ HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n`, 400],
  'bare line feeds': ['GET /v2/ HTTP/1.1\nHost: x\n\n', 400],
  'one bare line feed': [get('Host: x\nX: y'), 400],
  'a bare carriage return': [get('Host: x\r\nX: a\rb'), 400],
  'a NUL in a header': [get('Host: x\r\nX: a\0b'), 400],
  'a header without a name': [get('Host: x\r\n: y'), 400],
  'HTTP/0.9': ['GET /v2/\r\n\r\n', 505],
  'HTTP/2 in the words of 1.1': ['GET /v2/ HTTP/2.0\r\nHost: x\r\n\r\n', 505],
  'HTTP/2 with prior knowledge': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 400],
  'the greeting of SSH': ['SSH-2.0-OpenSSH_9.2\r\n', 400],
  'the hello of TLS': ['\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', 400],
  'a target of 20,000 characters': [get('Host: x', `/v2/${'a'.repeat(20_000)}`), 431],
  'a header section of 20,000 characters': [get(`Host: x\r\n${'a: b\r\n'.repeat(4000)}X: y`), 431],
  'trailers of 100,000 characters': [chunked(`0\r\n${'a: b\r\n'.repeat(17_000)}\r\n`), 431],
}

for (const [what, [bytes, status]] of Object.entries(ambiguous)) {
  test(`${what}: one answer, ${status}, and nothing after it is taken for a request`, async () => {
    await using registry = await startRegistry()
    const answer = await registry.sendRaw(bytes + FOLLOWING)
    assert.deepEqual(statusesOf(answer), [status])
    assert.match(answer, /\r\nConnection: close\r\n/i)
    assert.deepEqual(registry.failures, [])
  })
}

test('what is plain to every reader is taken', async () => {
  await using registry = await startRegistry()
  for (const bytes of [
    get('Host: x'),
    get('Host:'),
    get('host: registry.test:5000'),
    get('Host: [::1]:5000'),
    get('Host: x', 'http://registry.test/v2/'),
    `\r\n${get('Host: x')}`,
    `${get('Host: x\r\nContent-Length: 5')}hello`,
  ]) {
    assert.deepEqual(statusesOf(await registry.sendRaw(bytes + FOLLOWING)), [200, 200], bytes)
  }
  for (const bytes of [chunked('0\r\nX: y\r\n\r\n'), chunked('0;a=b\r\n\r\n'), start('Host: x\r\nTransfer-Encoding: Chunked', '0\r\n\r\n')]) {
    assert.deepEqual(statusesOf(await registry.sendRaw(bytes + FOLLOWING)), [202, 200], bytes)
  }
})

test('a target that names its host is located there, whatever Host says', async () => {
  await using registry = await startRegistry()
  const answer = await registry.sendRaw('POST http://registry.test:5000/v2/a/blobs/uploads/ HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n')
  assert.match(answer, /\r\nLocation: http:\/\/registry\.test:5000\/v2\//)
})

test('a body in chunks with trailers is taken without them', async () => {
  await using registry = await startRegistry()
  const path = `/v2/a/blobs/uploads/?digest=${digestOf('hello')}`
  const body = '2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX-Checksum: 1\r\n\r\n'
  assert.deepEqual(statusesOf(await registry.sendRaw(`POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${body}${FOLLOWING}`)), [201, 200])
  assert.equal((await registry.get(`/v2/a/blobs/${digestOf('hello')}`)).text, 'hello')
})

test('a request in pieces of one byte is a request', async () => {
  await using registry = await startRegistry()
  const socket = connect({ port: registry.port, host: '127.0.0.1', noDelay: true })
  const answered = once(socket, 'data') as Promise<[Buffer]>
  const path = `/v2/a/blobs/uploads/?digest=${digestOf('hello')}`
  for (const byte of `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n4\r\nello\r\n0\r\n\r\n`) {
    await new Promise((written) => socket.write(byte, written))
  }
  assert.match((await answered)[0].toString(), /^HTTP\/1\.1 201 /)
  socket.destroy()
})

test('chunks of a hundred bytes, as compressors write them, are taken however many arrive at once', async () => {
  await using registry = await startRegistry()
  const path = pathOf((await registry.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
  const chunks = `64\r\n${'x'.repeat(100)}\r\n`.repeat(100_000)
  assert.deepEqual(statusesOf(await registry.sendRaw(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`)), [202])
  assert.equal((await registry.get(path)).headers['range'], '0-9999999')
})

test('a connection that floods us with chunks of one byte is ended, and a hundred of them are taken', async () => {
  await using registry = await startRegistry()
  const path = pathOf((await registry.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
  const head = `PATCH ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`
  assert.deepEqual(statusesOf(await registry.sendRaw(`${head}${'1\r\nx\r\n'.repeat(100)}0\r\n\r\n`)), [202])
  const flood = connect(registry.port, '127.0.0.1').on('error', () => undefined)
  flood.write(`${head}${'1\r\nx\r\n'.repeat(50_000)}`)
  await once(flood.resume(), 'close')
  assert.equal((await registry.get('/v2/')).status, 200)
  assert.deepEqual(registry.failures, [])
})

test('an unknown expectation is 417, and 1xx are for HTTP/1.1', async () => {
  await using registry = await startRegistry()
  assert.deepEqual(statusesOf(await registry.sendRaw(start('Host: x\r\nExpect: 200-ok\r\nContent-Length: 0'))), [417])
  const path = `/v2/a/blobs/uploads/?digest=${digestOf('hello')}`
  const answer = await registry.sendRaw(`POST ${path} HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`)
  assert.deepEqual(statusesOf(answer), [201])
})

for (const [what, change] of [
  ['a session that is not there', (path: string) => `${path}x`],
  ['bytes out of order', (path: string) => `${path} HTTP/1.1\r\nContent-Range: 7-11`],
] as const) {
  test(`a client that asks for leave to send, for ${what}, is refused before it sends`, async () => {
    await using registry = await startRegistry()
    const path = change(pathOf((await registry.send('POST', '/v2/a/blobs/uploads/')).headers['location']))
    const head = `PATCH ${path.includes(' ') ? path : `${path} HTTP/1.1`}\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`
    const socket = connect(registry.port, '127.0.0.1')
    socket.write(head)
    const answer = (await buffer(socket)).toString()
    assert.deepEqual(statusesOf(answer), [what.startsWith('bytes') ? 416 : 404])
  })
}

function statusesOf(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status))
}
