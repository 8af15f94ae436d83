import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { TlsFiles } from '../../src/http/tls-files.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { CertificateFolder, type TestCertificate } from '../support/certificates.ts'
import { pathOf, startRegistry } from '../support/registry.ts'

async function send(port: number, ca: TestCertificate, method: string, path: string, body?: string) {
  const sent = request({ host: '127.0.0.1', port, method, path, ca: ca.cert, agent: false })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, text: (await buffer(response)).toString() }
}

test('a push and a pull over HTTPS, with https in Location', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  await using tls = await new TlsFiles(server).open()
  await using registry = await startRegistry({ tls })
  const digest = digestOf('hello')
  const started = await send(registry.port, server, 'POST', '/v2/a/blobs/uploads/')
  assert.match(String(started.headers.location), /^https:\/\/127\.0\.0\.1:/)
  assert.equal((await send(registry.port, server, 'PUT', `${pathOf(started.headers.location)}?digest=${digest}`, 'hello')).status, 201)
  assert.equal((await send(registry.port, server, 'GET', `/v2/a/blobs/${digest}`)).text, 'hello')
})

test('plain HTTP on the TLS port is told the https address', async () => {
  await using folder = await CertificateFolder.make()
  await using tls = await new TlsFiles(await folder.issue('server')).open()
  await using registry = await startRegistry({ tls })
  const reply = await registry.get('/v2/', { host: 'registry.test:5000' })
  assert.equal(reply.status, 400)
  assert.match(reply.text, /https:\/\/registry\.test:5000\/v2\//)
})

test('silent connections, before and after their handshake, do not hold the server up', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  await using tls = await new TlsFiles(server).open()
  await using registry = await startRegistry({ tls })
  const plain = connectPlain(registry.port, '127.0.0.1')
  const secure = connect({ port: registry.port, host: '127.0.0.1', ca: server.cert })
  await Promise.all([once(plain, 'connect'), once(secure, 'secureConnect')])
  const ended = Promise.all([once(plain.resume(), 'close'), once(secure.resume(), 'close')])
  await registry.stop(60_000)
  await ended
})

test('an upload that stalls over TLS is ended after the idle time', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  await using tls = await new TlsFiles(server).open()
  await using registry = await startRegistry({ tls, settings: { idleTimeoutMs: 200 } })
  const started = await send(registry.port, server, 'POST', '/v2/a/blobs/uploads/')
  const socket = connect({ port: registry.port, host: '127.0.0.1', ca: server.cert })
  socket.write(`PATCH ${pathOf(started.headers.location)} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel`)
  socket.on('error', () => undefined)
  await once(socket.resume(), 'close')
})
