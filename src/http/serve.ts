import { OciError } from '../oci/error.ts'
import { ClientGoneError } from './body.ts'
import type { Call } from './call.ts'
import { errorReply } from './errors.ts'
import type { HttpObserver, RequestRecord } from './observer.ts'
import type { Reply } from './reply.ts'
import { type Headers, sendReply } from './send.ts'
import type { HttpSettings } from './settings.ts'

/** Finds the answer to a request. */
export type Answer = (call: Call) => Promise<Reply>

/** Answers a request, refusals and failures included, and reports it. Never rejects. */
export type Serve = (answer: Answer, call: Call) => Promise<void>

export interface ServeOptions {
  readonly settings: HttpSettings
  readonly observer: HttpObserver
  /** True while shutting down: each answer is then the last of its connection. */
  readonly isDraining: () => boolean
}

export function createServe({ settings, observer, isDraining }: ServeOptions): Serve {
  const common = commonHeaders(settings)
  return async (answer, call) => {
    const headers: Headers = { ...common, 'X-Request-Id': call.id, ...(isDraining() && { Connection: 'close' }) }
    observer.requestStarted()
    const outcome = await answer(call)
      .then((reply) => send(call, reply, headers))
      .catch((error: unknown) => refuse(call, error, headers, observer))
    observer.requestFinished(recordOf(call, outcome))
  }
}

/** Headers of every answer. Their names are written as Go writes them, so that those of a handler replace configured ones. */
function commonHeaders({ headers }: HttpSettings): Headers {
  const configured = Object.entries(headers).map(([name, values]) => [canonicalName(name), values] as const)
  return { 'Docker-Distribution-API-Version': 'registry/2.0', 'X-Content-Type-Options': 'nosniff', ...Object.fromEntries(configured) }
}

function canonicalName(name: string): string {
  return name.toLowerCase().replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase())
}

interface Outcome {
  readonly status: number
  readonly bytesSent: number
}

async function send({ request, response }: Call, reply: Reply, headers: Headers): Promise<Outcome> {
  const bytesSent = await sendReply(request, response, reply, headers)
  return { status: reply.status, bytesSent }
}

/** Tells the client of the error if that is still possible; once an answer has begun, breaking it off is all that is left. */
async function refuse(call: Call, error: unknown, headers: Headers, observer: HttpObserver): Promise<Outcome> {
  if (isClientGone(call)) return breakOff(call)
  if (!(error instanceof OciError) || error.status >= 500)
    observer.requestFailed(error, { requestId: call.id, method: call.request.method ?? '', url: call.url })
  if (call.response.headersSent) return breakOff(call)
  return send(call, errorReply(error), headers).catch(() => breakOff(call))
}

function isClientGone({ request, findings }: Call): boolean {
  return request.socket.destroyed || findings.body?.errored instanceof ClientGoneError
}

function breakOff({ response }: Call): Outcome {
  response.destroy()
  return { status: 499, bytesSent: 0 } // nginx's number for "client closed request"
}

function recordOf({ request, url, id, remoteAddress, findings, startedAt, startedMs }: Call, outcome: Outcome): RequestRecord {
  return {
    requestId: id,
    endpoint: findings.endpoint,
    repository: findings.repository,
    account: findings.account,
    method: request.method ?? '',
    url,
    httpVersion: request.httpVersion,
    ...outcome,
    bytesReceived: findings.body?.bytesTaken ?? 0,
    durationMs: performance.now() - startedMs,
    remoteAddress,
    referer: request.headers.referer,
    userAgent: request.headers['user-agent'],
    startedAt,
  }
}
