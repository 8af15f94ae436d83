import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type Server } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { CertificateFolder } from '../../test/support/certificates.ts'
import { formatPlainHttpAnswer } from './plain-http-answer.ts'
import { answerPlainHttp, type PlainHttpOptions, type PlainHttpWatch } from './plain-http-on-tls.ts'

interface Listening extends AsyncDisposable {
  readonly server: Server
  readonly watch: PlainHttpWatch
  readonly port: number
  readonly ca: string
}

async function listen(options: PlainHttpOptions = {}): Promise<Listening> {
  await using folder = await CertificateFolder.make()
  const { cert, keyText } = await folder.issue('server')
  const server = createServer({ cert, key: keyText }, (request, response) => {
    request.pipe(response)
  })
  const watch = answerPlainHttp(server, options)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    server,
    watch,
    port,
    ca: cert,
    async [Symbol.asyncDispose]() {
      watch.dropSilent()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** All that comes back for these bytes, sent piece by piece. */
async function exchange(port: number, ...pieces: string[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve))
  return text(socket)
}

test('a plain request gets a 400 with the https URL it meant', async () => {
  await using listening = await listen()
  const host = `127.0.0.1:${listening.port}`
  const answer = await exchange(listening.port, `GET /v2/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
  const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
  assert.equal(body.errors[0].code, 'UNSUPPORTED')
  assert.equal(body.errors[0].detail.url, `https://${host}/v2/`)
})

test('a plain request in pieces is answered once it is whole', async () => {
  await using listening = await listen()
  const answer = await exchange(listening.port, 'G', 'ET / HTTP/1.1\r\nHo', 'st: registry.test:5000\r\n', '\r\n')
  assert.match(answer, /use https:\/\/registry\.test:5000\/\n$/)
})

test('the answer arrives though a body is still being sent', async () => {
  await using listening = await listen()
  const head = 'PUT /v2/a/blobs/uploads/1 HTTP/1.1\r\nHost: registry.test:5000\r\nContent-Length: 4194304\r\n\r\n'
  assert.match(await exchange(listening.port, head, 'x'.repeat(4 * 1024 * 1024)), /https:\/\/registry\.test:5000/)
})

test('a plain request that never ends is cut off', async () => {
  await using listening = await listen({ plainMs: 20 })
  assert.equal(await exchange(listening.port, 'GET / HTTP/1.1\r\nHost'), '')
})

test('a head without end is answered at 8 KiB', async () => {
  await using listening = await listen()
  assert.match(await exchange(listening.port, `GET / HTTP/1.1\r\nX: ${'x'.repeat(9000)}`), /^HTTP\/1\.1 400 /)
})

test('a silent connection is cut off', async () => {
  await using listening = await listen({ firstByteMs: 20 })
  assert.equal(await exchange(listening.port), '')
})

test('silent connections do not keep a server from closing', async () => {
  await using listening = await listen()
  const socket = connect(listening.port, '127.0.0.1')
  await once(listening.server, 'connection')
  const ended = once(socket, 'close')
  listening.watch.dropSilent()
  await ended
})

test('TLS works as ever, also when its first bytes come one by one', async () => {
  await using listening = await listen()
  const { port, ca } = listening
  const [response] = await once(get({ port, ca, host: '127.0.0.1', agent: false }), 'response')
  assert.equal(response.statusCode, 200)
  response.resume()

  const { createServer: createRelay } = await import('node:net')
  const relay = createRelay((client) => {
    const server = connect({ port, host: '127.0.0.1', noDelay: true })
    server.pipe(client)
    client.once('data', (hello) => {
      for (const byte of hello) server.write(Uint8Array.of(byte))
      client.pipe(server)
    })
  })
  await once(relay.listen(0, '127.0.0.1'), 'listening')
  const relayed = get({ port: (relay.address() as AddressInfo).port, ca, host: '127.0.0.1', agent: false })
  const [second] = await once(relayed, 'response')
  assert.equal(second.statusCode, 200)
  second.resume()
  await once(second, 'end')
  relay.close()
})

test('bytes that are neither TLS nor HTTP are left to TLS to refuse', async () => {
  await using listening = await listen()
  const refused = once(listening.server, 'tlsClientError')
  assert.doesNotMatch(await exchange(listening.port, '\x00\x01\x02 nonsense of some length\r\n'), /HTTP/)
  await refused
})

for (const [host, url] of [
  ['registry.test:5000', 'https://registry.test:5000/'],
  ['[2001:db8::1]:443', 'https://[2001:db8::1]:443/'],
  ['registry.test', 'https://registry.test:80/'],
  ['<script>', 'https:// with the same host and port'],
  ['registry.test:5000/evil', 'https:// with the same host and port'],
] as const) {
  test(`Host ${host} is answered with ${url}`, () => {
    assert.ok(formatPlainHttpAnswer(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).endsWith(`use ${url}\n`))
  })
}

test('a path with odd characters is left out of the URL, and a HEAD gets no body', () => {
  assert.match(formatPlainHttpAnswer('GET /<b>?token=secret HTTP/1.1\r\nhost: a.test:1\r\n\r\n'), /use https:\/\/a\.test:1\/\n$/)
  assert.ok(formatPlainHttpAnswer('HEAD /v2/ HTTP/1.1\r\nhost: a.test:1\r\n\r\n').endsWith('\r\n\r\n'))
})

test('a request without Host is answered without a URL', () => {
  assert.match(formatPlainHttpAnswer('GET / HTTP/1.0\r\n\r\n'), /the same host and port/)
})
