import type { ByteStream } from '../registry/blobs.ts'

/** What a handler answers. Length and the headers that every answer carries are added when it is sent. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer | Content
}

/** A body that is opened only when it is sent, which HEAD never does. */
export interface Content {
  readonly size: number
  open(): Promise<ByteStream>
}

export function json(status: number, value: object, headers: Reply['headers'] = {}): Reply {
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: `${JSON.stringify(value)}\n` }
}

export function empty(status: number, headers: Reply['headers'] = {}): Reply {
  return { status, headers }
}

export function text(status: number, body: string, headers: Reply['headers'] = {}): Reply {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers }, body }
}
