import { Counter, Gauge, type Registry } from 'prom-client'

/** Of one endpoint, since the server's start. */
export interface NotificationCounts {
  readonly name: string
  readonly pending: number
  readonly counts?: NotificationTotals
}

interface NotificationTotals {
  readonly events: number
  readonly successes: number
  readonly failures: number
  readonly errors: number
  readonly dropped: number
  /** Answers, such as `200 OK`. */
  readonly statuses: Readonly<Record<string, number>>
}

/**
 * Webhooks, under Distribution 3.x's names; `Dropped` is ours. Asked for when they are scraped.
 *
 * @see Distribution notifications/metrics.go
 */
export function addNotificationMetrics(registry: Registry, read: () => Promise<readonly NotificationCounts[]>): void {
  const look = oncePerScrape(read)
  add(registry, { kind: Counter, name: 'events', help: EVENTS_HELP, label: 'type' }, async () => (await look()).flatMap(eventRows))
  add(registry, { kind: Counter, name: 'status', help: 'Answers of webhook endpoints, by status.', label: 'code' }, async () =>
    (await look()).flatMap(statusRows),
  )
  add(registry, { kind: Gauge, name: 'pending', help: 'Events that wait in the queue.' }, async () => (await look()).map(pendingRow))
}

const EVENTS_HELP = 'Events that were queued (Events) or given up (Dropped), and tries to deliver them: accepted, refused or without an answer.'

interface Row {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Kind {
  readonly kind: typeof Counter | typeof Gauge
  readonly name: string
  readonly help: string
  readonly label?: string
}

function add(registry: Registry, { kind: Metric, name, help, label }: Kind, rows: () => Promise<readonly Row[]>): void {
  const metric = new Metric({
    name: `registry_notifications_${name}_total`,
    help,
    labelNames: [...(label ? [label] : []), 'endpoint'],
    registers: [registry],
    async collect() {
      const current = await rows().catch(() => undefined) // while the server stops, the last figures stand
      if (!current) return
      metric.reset()
      for (const { labels, value } of current) metric.inc(labels, value)
    },
  })
}

/** The metrics of one scrape are asked for in one go. */
function oncePerScrape<T>(read: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined
  return () => {
    current ??= read().finally(() => {
      current = undefined
    })
    return current
  }
}

function eventRows({ name: endpoint, counts }: NotificationCounts): Row[] {
  if (!counts) return []
  const { statuses: _, ...totals } = counts
  return Object.entries(totals).map(([type, value]) => ({ labels: { type: `${type[0]?.toUpperCase()}${type.slice(1)}`, endpoint }, value }))
}

function statusRows({ name: endpoint, counts }: NotificationCounts): Row[] {
  return Object.entries(counts?.statuses ?? {}).map(([code, value]) => ({ labels: { code, endpoint }, value }))
}

function pendingRow({ name: endpoint, pending }: NotificationCounts): Row {
  return { labels: { endpoint }, value: pending }
}
