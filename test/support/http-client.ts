import { once } from 'node:events'
import { Agent, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

export interface HttpReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** As they came, name and value in turn. */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly text: string
  /** Codes of the errors in the body. */
  readonly codes: readonly string[]
  json<Value = Record<string, unknown>>(): Value
}

export interface HttpRequest {
  readonly headers?: OutgoingHttpHeaders
  readonly body?: Buffer | string | Readable
}

/** Sends requests to one port of 127.0.0.1, the path exactly as given. */
export class Client {
  readonly port: number

  constructor(port: number) {
    this.port = port
  }

  async send(method: string, path: string, { headers = {}, body }: HttpRequest = {}): Promise<HttpReply> {
    const isWhole = typeof body === 'string' || Buffer.isBuffer(body)
    const length =
      isWhole && headers['transfer-encoding'] === undefined && headers['content-length'] === undefined ? { 'content-length': Buffer.byteLength(body) } : {}
    const sent = request({ host: '127.0.0.1', port: this.port, method, path, headers: { ...length, ...headers }, agent: fresh })
    const answered = once(sent, 'response')
    if (body === undefined || isWhole) sent.end(body)
    else pipeline(body, sent).catch(() => undefined) // a server that has refused need not read on
    const [response] = (await answered) as [IncomingMessage]
    const bytes = await buffer(response)
    return readReply(response, bytes)
  }

  get(path: string, headers: OutgoingHttpHeaders = {}): Promise<HttpReply> {
    return this.send('GET', path, { headers })
  }

  /** Sends bytes as they are and returns all that comes back until the server ends the connection. */
  async sendRaw(text: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1')
    socket.end(text)
    return (await buffer(socket)).toString()
  }
}

const fresh = new Agent({ keepAlive: false })

function readReply(response: IncomingMessage, body: Buffer): HttpReply {
  const text = body.toString()
  const json = <Value>() => JSON.parse(text) as Value
  const isError = (response.statusCode ?? 0) >= 400 && text.startsWith('{"errors"')
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    body,
    text,
    json,
    codes: isError ? json<{ errors: { code: string }[] }>().errors.map(({ code }) => code) : [],
  }
}
