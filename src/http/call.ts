import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestBody } from './body.ts'
import { requestId } from './request-id.ts'
import type { Turn } from './turns.ts'

/** One request under way, on its way to its answer. */
export interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The request's target as it was sent, with its query. */
  readonly url: string
  readonly id: string
  /** The client's, taken while the connection is open; empty for a unix socket. */
  readonly remoteAddress: string
  /** In milliseconds since 1970, and on the monotonic clock. */
  readonly startedAt: number
  readonly startedMs: number
  /** What is found out about it, for the log. */
  readonly findings: {
    endpoint?: string
    repository?: string
    account?: string
    body?: RequestBody
  }
}

export function beginCall({ request, response }: Turn, url: string): Call {
  const remoteAddress = request.socket.remoteAddress ?? ''
  return { request, response, url, id: requestId(request), remoteAddress, startedAt: Date.now(), startedMs: performance.now(), findings: {} }
}
