import type { Socket } from 'node:net'
import type { Server } from 'node:tls'
import { formatPlainHttpAnswer } from './plain-http-answer.ts'

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
