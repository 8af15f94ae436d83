import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config/schema.ts'
import { IN_MEMORY } from './metadata/connect.ts'
import { addressOf, readEndpoint } from './notifications/endpoint.ts'
import { Notifier } from './notifications/notifier.ts'
import { type Mailroom, openMailroom } from './notifications/operations.ts'
import type { Metrics } from './observability/metrics.ts'
import { addNotificationMetrics } from './observability/notification-metrics.ts'
import { STATE } from './volume/layout.ts'

/** Whoever tells the endpoints of a configuration; `undefined` where none is active, which costs nothing. */
export function createNotifier(config: Config, { log, metrics }: { readonly log: Logger; readonly metrics: Metrics }): Notifier | undefined {
  const endpoints = config.notifications.endpoints.map(readEndpoint)
  if (endpoints.every(({ disabled }) => disabled)) return undefined
  for (const endpoint of endpoints) {
    const { name, timeoutMs, threshold, backoffMs, disabled } = endpoint
    log.info({ endpoint: name, url: addressOf(endpoint), timeoutMs, threshold, backoffMs, disabled }, 'webhook endpoint configured')
  }
  const isReadOnly = config.storage.maintenance.readonly.enabled
  if (isReadOnly) log.warn('events wait in memory, since this server writes nothing: those not delivered when it ends are lost')
  const notifier = new Notifier({
    path: isReadOnly ? IN_MEMORY : statePath(config.storage.filesystem.rootdirectory),
    endpoints,
    includeReferences: config.notifications.events.includereferences,
    source: { addr: sourceAddress(config.http.addr), instanceID: randomUUID() },
    remark: ({ level, message, fields }) => log[level](fields, message),
  })
  addNotificationMetrics(metrics.registry, () => notifier.status())
  return notifier
}

/** The queue of a server that tells nobody: what waits is for endpoints that are disabled or not configured. */
export function idleMailroom({ notifications, storage }: Config): Mailroom {
  const mailroom = mailroomOf(storage.filesystem.rootdirectory)
  const names = new Set(notifications.endpoints.map(({ name }) => name))
  const status = async () => (await mailroom.status()).map((one) => ({ ...one, state: names.has(one.name) ? 'disabled' : 'unconfigured' }) as const)
  return { ...mailroom, status }
}

/** The queue of a volume that nobody serves. */
export function mailroomOf(root: string): Mailroom {
  return openMailroom(statePath(root))
}

function statePath(root: string): string {
  return join(root, STATE, 'state.db')
}

/**
 * This machine's name with the port that is configured.
 *
 * @see Distribution registry/handlers/app.go, configureEvents
 */
function sourceAddress(addr: string): string {
  const port = /:(\d+)$/.exec(addr)?.[1]
  return port === undefined ? hostname() : `${hostname()}:${port}`
}
