import type { Socket } from 'node:net'
import type { Server } from 'node:tls'

export interface PlainHttpOptions {
  /** How long a connection may stay silent before its first byte. */
  readonly firstByteMs?: number
  /** How long a plain request may take to send its head, and then to read its answer. */
  readonly plainMs?: number
}

/** Connections that have not said yet which protocol they speak. */
export interface PlainHttpWatch {
  /** Ends them; for a server that stops. */
  dropSilent(): void
}

const FIRST_BYTE_MS = 30_000
const PLAIN_MS = 5_000
const HEAD_LIMIT = 8 * 1024

/**
 * Lets a TLS server answer plain HTTP with a 400 that names the https URL, where it would hang up without a word.
 * The first bytes of a connection decide; TLS goes on as if nobody had looked.
 */
export function answerPlainHttp(server: Server, options: PlainHttpOptions = {}): PlainHttpWatch {
  const startTls = server.listeners('connection') as ((this: Server, socket: Socket) => void)[]
  const silent = new Set<Socket>()
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    silent.add(socket)
    const timer = setTimeout(() => socket.destroy(), options.firstByteMs ?? FIRST_BYTE_MS)
    const leave = () => {
      clearTimeout(timer)
      silent.delete(socket)
    }
    socket.on('error', () => socket.destroy())
    socket.once('close', leave)
    socket.once('readable', () => {
      leave()
      socket.removeListener('close', leave)
      const bytes: Buffer | null = socket.read()
      if (!bytes) return void socket.destroy() // ended before it began
      if (isPlainText(bytes)) return void answer(socket, bytes, options.plainMs ?? PLAIN_MS)
      socket.unshift(bytes)
      for (const listener of startTls) listener.call(server, socket)
    })
  })
  return {
    dropSilent() {
      for (const socket of silent) socket.destroy()
    },
  }
}

/** TLS begins with 0x16; every HTTP method begins with a capital letter. */
function isPlainText(bytes: Buffer): boolean {
  const first = bytes[0] ?? 0
  return first >= 0x41 && first <= 0x5a
}

function answer(socket: Socket, start: Buffer, limitMs: number): void {
  const timer = setTimeout(() => socket.destroy(), limitMs)
  socket.once('close', () => clearTimeout(timer))
  let head = start.toString('latin1')
  const read = () => {
    while (!isComplete(head)) {
      const bytes: Buffer | null = socket.read()
      if (!bytes) return
      head += bytes.toString('latin1')
    }
    socket.removeListener('readable', read)
    socket.end(formatPlainHttpAnswer(head), 'latin1')
    socket.resume() // @NOTE unread bytes at the close would reset the connection, and the client would lose the answer
  }
  socket.on('readable', read)
  read()
}

function isComplete(head: string): boolean {
  return head.length >= HEAD_LIMIT || head.includes('\r\n\r\n') || head.includes('\n\n')
}

/** The whole answer to a request that came without TLS: JSON for the registry's API, which its clients show, else text. */
export function formatPlainHttpAnswer(head: string): string {
  const [, method = '', target = ''] = /^([A-Z]+) (\S*)/.exec(head) ?? []
  const url = findUrl(head, target)
  const message = `client sent an HTTP request to an HTTPS server: use ${url ?? 'https:// with the same host and port'}`
  const isApi = /^\/v2(?:[/?]|$)/.test(target)
  const body = isApi ? `${JSON.stringify({ errors: [{ code: 'UNSUPPORTED', message, ...(url && { detail: { url } }) }] })}\n` : `${message}\n`
  const headers = [
    'HTTP/1.1 400 Bad Request',
    `Content-Type: ${isApi ? 'application/json' : 'text/plain; charset=utf-8'}`,
    `Content-Length: ${body.length}`,
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ]
  return `${headers.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : body}`
}

const HOST = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?)(?::[0-9]{1,5})?$/
const PATH = /^\/[A-Za-z0-9/._~:@%+-]{0,1023}$/

function findUrl(head: string, target: string): string | undefined {
  const host = /\nhost:[ \t]*(\S+)[ \t]*\r?\n/i.exec(head)?.[1]
  if (!host || !HOST.test(host)) return undefined
  const path = target.split('?')[0] ?? ''
  const port = /:[0-9]+$/.test(host) ? '' : ':80' // a client that names no port went to HTTP's own, and came here
  return `https://${host}${port}${PATH.test(path) ? path : '/'}`
}
