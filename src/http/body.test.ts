import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { RequestBody } from './body.ts'

test('a chunk that is given back is freed at once', async () => {
  const chunk = await receiveChunk(Buffer.alloc(20_000, 'x'), (body, chunk) => body.recycle(chunk))
  assert.equal(chunk.length, 0)
  assert.equal(chunk.buffer.byteLength, 0)
})

test('memory that others have a part in is not freed with a chunk', async () => {
  const shared = Buffer.from('another one beside it')
  await receiveChunk(Buffer.from('x'), (body) => body.recycle(shared.subarray(0, 7)))
  assert.equal(shared.toString(), 'another one beside it')
})

/** The first chunk of a request's body, after `use` had it. */
async function receiveChunk(bytes: Buffer, use: (body: RequestBody, chunk: Buffer) => void): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  try {
    const received = new Promise<Buffer>((resolve) => {
      server.once('request', (incoming: IncomingMessage) => {
        const body = new RequestBody(incoming)
        body.once('data', (chunk: Buffer) => {
          use(body, chunk)
          resolve(chunk)
        })
      })
    })
    await new Promise((resolve) => server.once('listening', resolve))
    const outgoing = request({ port: (server.address() as AddressInfo).port, method: 'PATCH' }).on('error', () => undefined)
    outgoing.end(bytes)
    return await received
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
