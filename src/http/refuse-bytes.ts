import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Line } from './turns.ts'

const REFUSALS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

// @NOTE Node leaves a connection open whose handshake took too long, and an answer would wait for the handshake's end.
const UNANSWERABLE = new Set(['ECONNRESET', 'ERR_TLS_HANDSHAKE_TIMEOUT'])

/**
 * Answers bytes that are no HTTP request, after the requests that came before them, and ends the connection. When they are in the
 * body of the request under way, this is its answer, unless it has begun to get another.
 */
export function refuseBytes(error: NodeJS.ErrnoException, socket: Duplex, line: Line | undefined): void {
  if (UNANSWERABLE.has(error.code ?? '') || !socket.writable) return void socket.destroy()
  const refuse = () => endWith(socket, REFUSALS[error.code ?? ''] ?? '400 Bad Request')
  if (!line || line.length === 0) return refuse()
  const { request, response } = line.last
  if (!request.complete) return void line.before.then(() => (response.headersSent ? void line.end.then(() => socket.destroy()) : refuse()))
  if (error.code !== 'HPE_CLOSED_CONNECTION') void line.end.then(refuse) // else the client said itself that nothing would follow: RFC 9112 9.6
}

function endWith(socket: Duplex, status: string): void {
  if (!socket.writable) return
  socket.end(`HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${status.length + 1}\r\nConnection: close\r\n\r\n${status}\n`)
  ;(socket as Socket).resume()
}
