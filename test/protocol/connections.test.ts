import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { connect as connectSecurely } from 'node:tls'
import { TlsFiles } from '../../src/http/tls-files.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { putBlob } from '../../src/registry/uploads.ts'
import { CertificateFolder } from '../support/certificates.ts'
import { pathOf, startRegistry } from '../support/registry.ts'

const PING = 'GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n'

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

async function ask(socket: Socket, request = PING): Promise<string> {
  socket.write(request)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  return answer.toString().slice(0, 12)
}

test('one connection too many ends the one that has been idle for longest', async () => {
  await using registry = await startRegistry({ settings: { maxConnections: 3 } })
  const [first, second, third] = [await open(registry.port), await open(registry.port), await open(registry.port)]
  for (const socket of [second, third, first]) assert.equal(await ask(socket), 'HTTP/1.1 200')
  const ended = once(second, 'close')
  assert.equal(await ask(await open(registry.port)), 'HTTP/1.1 200')
  await ended
  for (const socket of [third, first]) assert.equal(await ask(socket), 'HTTP/1.1 200')
})

test('a connection that has never said anything is idle, before and after the handshake of TLS', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  await using tls = await new TlsFiles(server).open()
  await using registry = await startRegistry({ tls, settings: { maxConnections: 3 } })
  const [silent, hello] = [await open(registry.port), await open(registry.port)]
  hello.write('\x16\x03\x01\x02\0\x01')
  const secured = connectSecurely({ port: registry.port, host: '127.0.0.1', ca: server.cert })
  await once(secured, 'secureConnect')
  for (const socket of [silent, hello, secured]) {
    const ended = once(socket.on('error', () => undefined).resume(), 'close')
    const next = connectSecurely({ port: registry.port, host: '127.0.0.1', ca: server.cert })
    assert.equal(await ask(next), 'HTTP/1.1 200')
    await ended
  }
})

test('over TLS on a unix socket, whose clients have no addresses, no connection is taken for an idle one', async () => {
  await using folder = await CertificateFolder.make()
  await using tls = await new TlsFiles(await folder.issue('server')).open()
  const path = join(folder.path, 'lacre.sock')
  await using registry = await startRegistry({ tls, settings: { addr: path, net: 'unix', maxConnections: 2 } })
  const plain = [connect(path), connect(path)]
  await Promise.all(plain.map((socket) => once(socket, 'connect')))
  const secured = plain.map((socket) => connectSecurely({ socket, rejectUnauthorized: false }))
  await Promise.all(secured.map((socket) => once(socket, 'secureConnect')))
  for (const socket of secured) assert.equal(await startUpload(socket), 'HTTP/1.1 100')
  const closed = [...secured, connect(path)].map((socket, index) => once(socket.on('error', () => undefined).resume(), 'close').then(() => index))
  assert.equal(await Promise.race(closed), 2)
  for (const socket of secured) assert.equal(await ask(socket, 'hello'), 'HTTP/1.1 202')
  await registry.stop()
})

/** Leaves an upload under way that waits for five bytes. */
async function startUpload(socket: Socket): Promise<string> {
  socket.write('POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  const path = pathOf(/^Location: (.*)\r$/m.exec(answer.toString())?.[1])
  return ask(socket, `PATCH ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`)
}

test('where no connection is idle, a new one is turned away, and what is under way goes on', async () => {
  await using registry = await startRegistry({ settings: { maxConnections: 2 } })
  const sockets = [await open(registry.port), await open(registry.port)]
  for (const socket of sockets) assert.equal(await startUpload(socket), 'HTTP/1.1 100')
  for (let turnedAway = 0; turnedAway < 3; turnedAway++) await once((await open(registry.port)).resume(), 'close')
  for (const socket of sockets) assert.equal(await ask(socket, 'hello'), 'HTTP/1.1 202')
  assert.equal(await ask(await open(registry.port)), 'HTTP/1.1 200')
})

test('a client that lets go keeps no room', async () => {
  await using registry = await startRegistry({ settings: { maxConnections: 2 } })
  for (let client = 0; client < 10; client++) {
    const socket = await open(registry.port)
    assert.equal(await ask(socket), 'HTTP/1.1 200')
    socket.resetAndDestroy()
  }
  assert.equal((await registry.get('/v2/')).status, 200)
})

for (const protocol of ['plain HTTP', 'TLS'] as const) {
  test(`over ${protocol}, a client that does not read its pull is let go`, async () => {
    await using folder = await CertificateFolder.make()
    const server = await folder.issue('server')
    await using tls = await new TlsFiles(server).open()
    await using registry = await startRegistry({ settings: { idleTimeoutMs: 200 }, ...(protocol === 'TLS' && { tls }) })
    const bytes = Buffer.alloc(64 * 1024 * 1024)
    const digest = digestOf(bytes)
    await putBlob(registry.registry, parseRepositoryName('a'), digest, { body: Readable.from([bytes]) })
    const socket = protocol === 'TLS' ? connectSecurely({ port: registry.port, host: '127.0.0.1', ca: server.cert }) : await open(registry.port)
    socket.on('error', () => undefined).write(`GET /v2/a/blobs/${digest} HTTP/1.1\r\nHost: x\r\n\r\n`)
    while (registry.records.length === 0) await new Promise(setImmediate)
    assert.equal(registry.records[0]?.status, 499)
    socket.destroy()
  })
}
