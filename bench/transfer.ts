import { createHash } from 'node:crypto'
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const MiB = 1024 * 1024

/** A client of one registry, with a connection for each request under way, as docker has. */
export class Transfer {
  readonly #origin: string
  readonly #agent: Agent

  constructor(origin: string) {
    this.#origin = origin
    const options = { keepAlive: true, scheduling: 'lifo' as const }
    this.#agent = origin.startsWith('https') ? new TlsAgent({ ...options, rejectUnauthorized: false }) : new Agent(options)
  }

  /** Follows `Link` to the end of a list, or for so many pages. */
  async readPages(path: string, limit: number): Promise<void> {
    for (let next: string | undefined = path, pages = 0; next !== undefined && pages < limit; pages++) {
      const answer = await this.#ask(200, 'GET', next)
      next = nextPage(answer.headers)
      await finish(answer)
    }
  }

  /** As docker pushes a layer: is it there, a session, the bytes in chunked encoding, the digest. */
  async pushBlob(repository: string, { bytes, digest }: Content): Promise<void> {
    await finish(await this.#ask(404, 'HEAD', `/v2/${repository}/blobs/${digest}`))
    const session = await finish(await this.#ask(202, 'POST', `/v2/${repository}/blobs/uploads/`))
    const sent = await finish(await this.#ask(202, 'PATCH', pathOf(session), { body: bytes }))
    const location = pathOf(sent)
    await finish(await this.#ask(201, 'PUT', `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`))
  }

  async putManifest(repository: string, tag: string, bytes: Buffer): Promise<void> {
    const type = (JSON.parse(bytes.toString()) as { mediaType: string }).mediaType
    await finish(
      await this.#ask(201, 'PUT', `/v2/${repository}/manifests/${tag}`, {
        body: bytes,
        headers: { 'Content-Type': type, 'Content-Length': String(bytes.length) },
      }),
    )
  }

  close(): void {
    this.#agent.destroy()
  }

  async #ask(status: number, method: string, path: string, { body, headers }: Payload = {}): Promise<IncomingMessage> {
    const send = this.#origin.startsWith('https') ? requestTls : requestPlain
    const lengthless = body === undefined && method !== 'GET' && method !== 'HEAD' ? { 'Content-Length': '0' } : {}
    const outgoing = send(`${this.#origin}${path}`, { method, agent: this.#agent, headers: { ...lengthless, ...headers } })
    const answered = new Promise<IncomingMessage>((resolve, reject) => outgoing.once('response', resolve).once('error', reject))
    if (body) await pipeline(Readable.from(slices(body)), outgoing)
    else outgoing.end()
    const answer = await answered
    if (answer.statusCode !== status) throw new Error(`${method} ${path}: ${answer.statusCode}, not ${status}`)
    return answer
  }
}

interface Payload {
  /** Sent in chunked encoding unless the headers tell its length. */
  readonly body?: Buffer
  readonly headers?: Readonly<Record<string, string>>
}

export interface Content {
  readonly bytes: Buffer
  readonly digest: string
}

export function contentOf(bytes: Buffer): Content {
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` }
}

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += MiB) yield bytes.subarray(at, at + MiB)
}

async function finish(answer: IncomingMessage): Promise<IncomingHttpHeaders> {
  answer.resume()
  if (!answer.readableEnded) await new Promise((resolve, reject) => answer.once('end', resolve).once('error', reject))
  return answer.headers
}

function pathOf({ location = '' }: IncomingHttpHeaders): string {
  const url = new URL(location, 'http://any')
  return url.pathname + url.search
}

function nextPage({ link }: IncomingHttpHeaders): string | undefined {
  const target = /^<([^>]+)>/.exec(String(link ?? ''))?.[1]
  return target === undefined ? undefined : pathOf({ location: target })
}
