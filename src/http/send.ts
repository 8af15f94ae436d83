import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ByteStream } from '../registry/blobs.ts'
import { ClientGoneError, discardRest, isLeftUnread } from './body.ts'
import type { Content, Reply } from './reply.ts'

/** Headers of an answer that Node shall write as they are. */
export type Headers = Record<string, string | number | readonly string[]>

/**
 * Sends an answer and returns when the connection has taken it all: how many bytes its body had.
 *
 * @throws when the body cannot be opened (nothing is sent then) or breaks off (the connection is gone then).
 */
export async function sendReply(request: IncomingMessage, response: ServerResponse, reply: Reply, common: Headers): Promise<number> {
  const { status, body } = reply
  const stream = isContent(body) && request.method !== 'HEAD' ? await body.open() : undefined
  const mustClose = isLeftUnread(request)
  const headers: Headers = { ...common, ...reply.headers }
  if (status !== 204 && status !== 304) headers['Content-Length'] = sizeOf(body)
  if (mustClose) headers['Connection'] = 'close'
  response.writeHead(status, headers as Record<string, string | number | string[]>)

  const bytes = request.method === 'HEAD' || isContent(body) ? undefined : body
  if (stream) await sendStream(response, stream, sizeOf(body))
  else if (mustClose) await sendBeforeClosing(request, response, bytes)
  else endAtOnce(response, bytes)
  if (!stream) await left(response)
  return request.method === 'HEAD' ? 0 : sizeOf(body)
}

const ONE_PIECE_MOST = 16 * 1024 // bytes; more is cheaper as it is

/** @NOTE Node joins headers and a text to one write, but not headers and bytes. Latin-1 is the text whose characters are the bytes. */
function endAtOnce(response: ServerResponse, bytes: string | Buffer | undefined): void {
  if (Buffer.isBuffer(bytes) && bytes.length <= ONE_PIECE_MOST) response.end(bytes.toString('latin1'), 'latin1')
  else response.end(bytes)
}

function isContent(body: Reply['body']): body is Content {
  return typeof body === 'object' && 'open' in body
}

function sizeOf(body: Reply['body']): number {
  if (body === undefined) return 0
  return isContent(body) ? body.size : Buffer.byteLength(body)
}

/** Returns once the answer has gone out, throws if it could not; `finished` of node:stream costs ten times as much. */
async function left(response: ServerResponse): Promise<void> {
  if (!response.closed) await new Promise((resolve) => response.once('close', resolve))
  if (!response.writableFinished) throw new Error('the connection closed before the answer had gone out')
}

/** A source that breaks off takes the connection with it: the client must not take half a blob for a whole one. */
async function sendStream(response: ServerResponse, stream: ByteStream, size: number): Promise<void> {
  let unsent = size
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (chunk.length > unsent) break
      await send(response, chunk)
      unsent -= chunk.length
      stream.recycle?.(chunk)
    }
    if (!stream.readableEnded || unsent > 0) throw new Error(`a file is not as long as it was: ${size} bytes`)
    response.end()
    await left(response).catch((error) => {
      if (unsent > 0) throw error // a client that has every byte may hang up before we have said that there are no more
    })
  } catch (error) {
    response.destroy()
    throw error
  }
}

/** Returns once nothing looks at the bytes any more, since the system has taken them (or TLS their cipher text). */
function send(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = () => reject(new ClientGoneError())
    response.once('close', onClose)
    response.write(bytes, (error) => {
      response.off('close', onClose)
      if (error) reject(error)
      else resolve()
    })
  })
}

async function sendBeforeClosing(request: IncomingMessage, response: ServerResponse, bytes: string | Buffer | undefined): Promise<void> {
  if (bytes === undefined || bytes.length === 0) response.flushHeaders()
  else response.write(bytes)
  await discardRest(request)
  response.end()
}
