import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathOf, startRegistry } from '../support/registry.ts'

test('an upload under way finishes before the server stops, and its connection is the last', async () => {
  await using registry = await startRegistry()
  const path = pathOf((await registry.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
  const socket = connect(registry.port, '127.0.0.1')
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel`)
  while ((await registry.get(path)).headers['range'] !== '0-2');
  const stopped = registry.stop(60_000)
  socket.write('lo')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 202 /)
  await stopped
  await assert.rejects(registry.get('/v2/'), { code: 'ECONNREFUSED' })
})

test('a keep-alive connection that is busy does not hold the server up for longer than its request', async () => {
  await using registry = await startRegistry()
  const path = pathOf((await registry.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
  const socket = connect(registry.port, '127.0.0.1')
  socket.write('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'data')
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel`)
  while ((await registry.get(path)).headers['range'] !== '0-2');
  const stopped = registry.stop(60_000)
  const ended = once(socket, 'close')
  socket.write('lo')
  await Promise.all([stopped, ended])
})

test('what does not finish in time is ended, and its bytes stay', async () => {
  await using first = await startRegistry()
  const path = pathOf((await first.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
  const socket = connect(first.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel`)
  while ((await first.get(path)).headers['range'] !== '0-2');
  await first.stop(50)
  await using second = await startRegistry({ folder: first.folder })
  assert.equal((await second.get(path)).headers['range'], '0-2')
})

test('connections that say nothing do not hold the server up', async () => {
  await using registry = await startRegistry()
  const socket = connect(registry.port, '127.0.0.1')
  await once(socket, 'connect')
  const ended = once(socket.resume(), 'close')
  await registry.stop(60_000)
  await ended
})

test('an upload that stalls is ended after the idle time, one that trickles is not', async () => {
  await using registry = await startRegistry({ settings: { idleTimeoutMs: 300 } })
  const path = pathOf((await registry.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
  const socket = connect(registry.port, '127.0.0.1')
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n`)
  const startedMs = performance.now()
  const trickle = setInterval(() => socket.write('x'), 50)
  await registry.get('/v2/')
  while (performance.now() - startedMs < 900) await registry.get(path)
  assert.equal(socket.destroyed, false)
  clearInterval(trickle)
  await once(socket.resume(), 'close')
  assert.notEqual((await registry.get(path)).headers['range'], '0-0')
})

test('two servers cannot have one address', async () => {
  await using registry = await startRegistry()
  await assert.rejects(startRegistry({ settings: { addr: `127.0.0.1:${registry.port}` } }), { name: 'ListenError', message: /EADDRINUSE/ })
})

test('a server that cannot have its debug address has none', async () => {
  await using registry = await startRegistry()
  const [taken = '', free] = [registry.server.addresses[0], '127.0.0.2:0']
  await assert.rejects(startRegistry({ settings: { addr: free, debug: { addr: taken, metricsPath: undefined } } }), { name: 'ListenError' })
})

test('the registry is not served before its debug address is listened on', async () => {
  await using registry = await startRegistry()
  await using other = await startRegistry()
  const [addr = '', debug = ''] = [registry.server.addresses[0], other.server.addresses[0]]
  const message = `cannot listen on ${debug}: EADDRINUSE`
  await assert.rejects(startRegistry({ settings: { addr, debug: { addr: debug, metricsPath: undefined } } }), { message })
})

test('a unix socket is listened on, and gone at the end', async () => {
  await using home = await startRegistry()
  const path = join(home.folder, 'lacre.sock')
  await leaveStaleSocket(path)
  const registry = await startRegistry({ folder: home.folder, settings: { addr: path, net: 'unix' } })
  const sent = request({ socketPath: path, path: '/v2/' }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 200)
  assert.deepEqual(registry.server.addresses, [path])
  response.resume()
  await registry.stop()
  assert.equal(existsSync(path), false)
})

/** As a killed server leaves it: the file is there, and nobody listens. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  await once(spawn(process.execPath, ['-e', script]), 'exit')
  assert.equal(existsSync(path), true)
}
