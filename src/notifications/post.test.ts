import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { CertificateFolder } from '../../test/support/certificates.ts'
import { endpointAt } from '../../test/support/endpoints.ts'
import { type AnswerEvents, Receiver } from '../../test/support/receiver.ts'
import { openPost } from './post.ts'

const BODY = '{"events":[]}'
const never = new AbortController().signal
const send = (url: string, more = {}) => openPost(endpointAt(url, more))(BODY, never)

const answering =
  (status: number, headers: Record<string, string> = {}): AnswerEvents =>
  (response) =>
    response.writeHead(status, headers).end()

for (const status of [200, 201, 204, 303, 304]) {
  test(`an answer ${status} accepts`, async () => {
    await using receiver = await Receiver.start({ answer: answering(status, { location: '/elsewhere' }) })
    assert.equal((await send(receiver.url)).kind, 'accepted')
    assert.equal(receiver.received.length, 1)
  })
}

for (const status of [400, 404, 410, 500, 503]) {
  test(`an answer ${status} refuses`, async () => {
    await using receiver = await Receiver.start({ answer: answering(status) })
    const outcome = await send(receiver.url)
    assert.equal(outcome.kind, 'refused')
    assert.match('reason' in outcome ? outcome.reason : '', new RegExp(`${status}`))
  })
}

test('headers of the configuration go along, beside the media type of 2.8; those that frame the message are ours', async () => {
  await using receiver = await Receiver.start()
  const headers = { Authorization: ['Bearer x'], 'X-Two': ['1', '2'], Host: ['evil.test'], 'Content-Length': ['1'], 'User-Agent': ['mine'] }
  await send(receiver.url, { headers })
  const { request, body } = receiver.received[0] ?? {}
  assert.equal(body, BODY)
  assert.equal(request?.headers['content-type'], 'application/vnd.docker.distribution.events.v1+json')
  assert.deepEqual([request?.headers.authorization, request?.headersDistinct['x-two'], request?.headers['user-agent']], ['Bearer x', ['1', '2'], 'mine'])
  assert.deepEqual([request?.headers.host, request?.headers['content-length']], [`127.0.0.1:${receiver.port}`, String(BODY.length)])
})

test('a user and a password in the url are sent as Basic', async () => {
  await using receiver = await Receiver.start()
  await send(receiver.url.replace('://', '://me:secret@'))
  assert.equal(receiver.received[0]?.request.headers.authorization, `Basic ${btoa('me:secret')}`)
})

for (const status of [307, 308]) {
  test(`a redirect ${status} on the same server is followed with the event`, async () => {
    await using receiver = await Receiver.start({
      answer: (response, { request }) => (request.url === '/events' ? answering(status, { location: '/moved' })(response, {} as never, 0) : response.end()),
    })
    assert.equal((await send(receiver.url)).kind, 'accepted')
    assert.deepEqual(
      receiver.received.map(({ request, body }) => [request.method, request.url, body]),
      [
        ['POST', '/events', BODY],
        ['POST', '/moved', BODY],
      ],
    )
  })
}

test('a redirect without an end is a refusal', async () => {
  await using receiver = await Receiver.start({ answer: answering(307, { location: '/events' }) })
  assert.equal((await send(receiver.url)).kind, 'refused')
  assert.equal(receiver.received.length, 4)
})

for (const [what, location] of [
  ['to another server', 'http://127.0.0.1:1/events'],
  ['to another scheme', 'https://127.0.0.1/events'],
  ['to a file', 'file:///etc/passwd'],
  ['to nowhere', 'http://['],
] as const) {
  for (const status of [301, 302, 307]) {
    test(`a redirect ${status} ${what} is not followed, and refuses: the event would be lost`, async () => {
      await using receiver = await Receiver.start({ answer: answering(status, { location }) })
      const outcome = await send(receiver.url, { headers: { Authorization: ['secret'] } })
      assert.equal(outcome.kind, 'refused')
      assert.match('reason' in outcome ? outcome.reason : '', /not followed/)
    })
  }
}

test('an endpoint that never answers fails after its timeout', async () => {
  await using receiver = await Receiver.start({ answer: () => undefined })
  assert.deepEqual(await send(receiver.url, { timeoutMs: 20 }), { kind: 'failed', reason: 'there was no answer within 20 ms' })
})

test('an answer without an end accepts, and its connection is given up', async () => {
  const ended = Promise.withResolvers<void>()
  await using receiver = await Receiver.start({
    answer: (response) => {
      response.on('close', () => ended.resolve()).on('error', () => undefined)
      const write = (): void => {
        while (!response.destroyed && response.write('x'.repeat(64 * 1024)));
        if (!response.destroyed) response.once('drain', write)
      }
      write()
    },
  })
  assert.equal((await send(receiver.url, { timeoutMs: 60_000 })).kind, 'accepted')
  await ended.promise
})

test('what is no HTTP, and nobody at the address, fail with a reason', async () => {
  const server = createServer((socket) => socket.resume().end('SSH-2.0-OpenSSH\r\n')).listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
  assert.equal((await send(url)).kind, 'failed')
  await new Promise((closed) => server.close(closed))
  const outcome = await send(url)
  assert.match('reason' in outcome ? outcome.reason : '', /ECONNREFUSED/)
})

test('a connection that was closed while it was idle is replaced at once', async () => {
  await using receiver = await Receiver.start({
    answer: (response, _received, before) => {
      if (before !== 1) return response.end()
      response.socket?.resetAndDestroy() // as one that goes while the second event is on its way
      return response
    },
  })
  const post = openPost(endpointAt(receiver.url))
  assert.equal((await post(BODY, never)).kind, 'accepted')
  assert.equal((await post(BODY, never)).kind, 'accepted')
  assert.equal(receiver.received.length, 3)
})

test('an HTTPS endpoint of an authority that this machine does not know fails, and the reason says what to do', async () => {
  await using folder = await CertificateFolder.make()
  const { cert, keyText } = await folder.issue('stranger', { names: ['127.0.0.1'] })
  await using receiver = await Receiver.start({ tls: { cert, key: keyText } })
  const outcome = await send(receiver.url)
  assert.equal(outcome.kind, 'failed')
  assert.match('reason' in outcome ? outcome.reason : '', /does not trust .*add that authority/)
  assert.equal(receiver.received.length, 0)
})
