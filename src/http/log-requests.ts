import type { Logger } from 'pino'
import { createAccessLog } from '../observability/access-log.ts'
import type { LogSettings } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { HttpObserver } from './observer.ts'

/** An observer that writes the access log and the log, and counts. */
export function createObserver(settings: LogSettings, { log, metrics }: { readonly log: Logger; readonly metrics: Metrics }): HttpObserver {
  const writeAccess = createAccessLog(settings)
  return {
    requestStarted: () => metrics.inFlight.inc(),
    requestFinished(record) {
      metrics.inFlight.dec()
      const handler = record.endpoint ?? 'none'
      metrics.requests.inc({ handler, method: record.method, code: record.status })
      metrics.durations.observe({ handler, method: record.method }, record.durationMs / 1000)
      metrics.bytes.inc({ direction: 'received' }, record.bytesReceived)
      metrics.bytes.inc({ direction: 'sent' }, record.bytesSent)
      writeAccess({ ...record, user: record.account, time: new Date(record.startedAt), bytes: record.bytesSent })
      log.debug({ requestId: record.requestId, method: record.method, url: record.url, status: record.status }, 'response completed')
    },
    requestFailed: (error, about) => log.error({ err: error, ...about }, 'a request failed'),
  }
}
