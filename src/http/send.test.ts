import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { sendReply } from './send.ts'

const WHOLE = 'every byte'

/** Asks a server for a stream of WHOLE, hangs up when `isEnough`, and gives what became of the sending. The stream ends only then. */
async function sendUntil(isEnough: (received: string) => boolean, pieces: readonly string[]): Promise<number> {
  const sent = Promise.withResolvers<number>()
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const open = (): Promise<Readable> => Promise.resolve(Readable.from(piecesUntilClosed(pieces, response)))
    sendReply(request, response, { status: 200, headers: {}, body: { size: WHOLE.length, open } }, {}).then(sent.resolve, sent.reject)
  }
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  let received = ''
  client.setEncoding('utf8').on('data', (text: string) => {
    received += text
    if (isEnough(received)) client.destroy()
  })
  return sent.promise.finally(() => server.close())
}

async function* piecesUntilClosed(pieces: readonly string[], response: ServerResponse): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece)
  if (!response.closed) await once(response, 'close')
}

test('an answer of which the client took every byte before it hung up has been sent', async () => {
  assert.equal(await sendUntil((received) => received.endsWith(WHOLE), ['every ', 'byte']), WHOLE.length)
})

test('an answer of which the client took a part before it hung up has not', async () => {
  await assert.rejects(sendUntil((received) => received.endsWith('every '), ['every ']))
})

for (const [what, text] of [
  ['shorter', WHOLE.slice(1)],
  ['longer', `${WHOLE}s`],
] as const)
  test(`a source that is ${what} than the answer says ends the connection`, async () => {
    const sent = Promise.withResolvers<number>()
    const open = (): Promise<Readable> => Promise.resolve(Readable.from([Buffer.from(text)]))
    const server = createServer((request, response) => {
      sendReply(request, response, { status: 200, headers: {}, body: { size: WHOLE.length, open } }, {}).then(sent.resolve, sent.reject)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined)
    const closed = once(client.resume(), 'close')
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await assert.rejects(
      sent.promise.finally(() => server.close()),
      /not as long as it was/,
    )
    await closed
  })
