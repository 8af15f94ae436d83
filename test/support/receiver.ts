import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { EventRecord } from '../../src/notifications/event.ts'

export interface Received {
  readonly request: IncomingMessage
  /** As it was sent. */
  readonly body: string
}

/** Answers what a receiver got; the number of requests before it is passed along. */
export type AnswerEvents = (response: ServerResponse, received: Received, before: number) => void

export interface ReceiverOptions {
  readonly answer?: AnswerEvents
  /** Any free one without it. */
  readonly port?: number
  readonly tls?: { readonly cert: string; readonly key: string }
}

/** Where webhooks are sent to: keeps what comes, and takes it all unless told otherwise. */
export class Receiver {
  readonly received: Received[] = []
  /** Of requests that were answered with 200. */
  readonly events: EventRecord[] = []
  readonly #server: Server
  readonly #scheme: string
  readonly #waiting = new Set<() => void>()

  constructor({ answer = (response) => response.end(), tls }: ReceiverOptions) {
    const take: RequestListener = (request, response) => {
      void text(request).then((body) => {
        const before = this.received.length
        this.received.push({ request, body })
        answer(response, { request, body }, before)
        if (response.writableEnded && response.statusCode === 200) this.events.push(...(JSON.parse(body) as { events: EventRecord[] }).events)
        for (const look of this.#waiting) look()
      })
    }
    this.#scheme = tls ? 'https' : 'http'
    this.#server = tls ? createTlsServer(tls, take) : createServer(take)
    this.#server.on('tlsClientError', () => undefined)
  }

  static async start(options: ReceiverOptions = {}): Promise<Receiver> {
    const receiver = new Receiver(options)
    receiver.#server.listen(options.port ?? 0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    return receiver
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/events`
  }

  /** Resolves once `isEnough`, which is asked after each request. */
  until(isEnough: () => boolean): Promise<void> {
    if (isEnough()) return Promise.resolve()
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isEnough()) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
    })
  }

  async got(count: number): Promise<EventRecord[]> {
    await this.until(() => this.events.length >= count)
    return this.events
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((closed) => this.#server.close(closed))
  }
}
