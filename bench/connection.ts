import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/**
 * A keep-alive connection that asks one thing again and again and costs little more than the system calls, so that it is
 * the server that is measured. Answers need a Content-Length.
 */
export class Connection {
  readonly #socket: Socket
  #waiting: { resolve(): void; reject(error: Error): void } | undefined
  #head = ''
  #missing = 0
  #isHead = false

  private constructor(socket: Socket) {
    this.#socket = socket
      .on('data', (bytes: Buffer) => this.#take(bytes))
      .on('close', () => this.#waiting?.reject(new Error('the server closed the connection')))
  }

  static open(origin: string): Promise<Connection> {
    const { protocol, hostname, port } = new URL(origin)
    const address = { host: hostname, port: Number(port), rejectUnauthorized: false }
    return new Promise((resolve, reject) => {
      const socket: Socket =
        protocol === 'https:' ? connectTls(address, () => resolve(new Connection(socket))) : connectPlain(address, () => resolve(new Connection(socket)))
      socket.setNoDelay().once('error', reject)
    })
  }

  /** Sends a whole request without a body and returns when its answer is here. */
  ask(requestText: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(requestText)
    })
  }

  /** Answers to HEAD have a length and no body. */
  expectNoBodies(): void {
    this.#isHead = true
  }

  close(): void {
    this.#waiting = undefined
    this.#socket.destroy()
  }

  #take(bytes: Buffer): void {
    if (this.#missing > 0) return this.#takeBody(bytes.length)
    this.#head += bytes.toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#head.slice(0, end)
    const bodyHere = this.#head.length - end - 4
    this.#head = ''
    if (!/^HTTP\/1\.1 20\d/.test(head)) return this.#fail(new Error(head))
    this.#missing = this.#isHead ? 0 : Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? Number.NaN)
    this.#takeBody(bodyHere)
  }

  #takeBody(count: number): void {
    this.#missing -= count
    if (this.#missing === 0) this.#waiting?.resolve()
    else if (!(this.#missing > 0)) this.#fail(new Error('an answer without a length, or longer than it'))
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error)
  }
}
