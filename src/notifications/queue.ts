import type { StateDatabase } from '../metadata/connect.ts'

/** An event on its way to some endpoints. */
export interface QueuedEvent {
  readonly endpoints: readonly string[]
  readonly isPull: boolean
  /** JSON. */
  readonly event: string
  /** Milliseconds since 1970. */
  readonly queuedAt: number
}

export interface WaitingEvent {
  readonly seq: number
  readonly event: string
}

/** What waits for one endpoint. */
export interface Waiting {
  readonly endpoint: string
  readonly pending: number
  /** When the one that waits longest was queued, in milliseconds since 1970. */
  readonly oldest: number | undefined
}

export function insertEvent(state: StateDatabase, endpoint: string, { isPull, event, queuedAt }: QueuedEvent): void {
  state.run(state.build.insertInto('notification').values({ seq: null as never, endpoint, is_pull: Number(isPull), event, queued_at: queuedAt }))
}

/** The next event of an endpoint after `seq`. */
export function selectNext(state: StateDatabase, endpoint: string, seq: number): WaitingEvent | undefined {
  const rows = state.build.selectFrom('notification').select(['seq', 'event']).where('endpoint', '=', endpoint).where('seq', '>', seq)
  return state.first(rows.orderBy('seq').limit(1))
}

/** Removes what an endpoint has taken, or what it shall never get. */
export function deleteThrough(state: StateDatabase, endpoint: string, seq: number): void {
  state.run(state.build.deleteFrom('notification').where('endpoint', '=', endpoint).where('seq', '<=', seq))
}

/** The place of the last of the `count` events that wait longest. */
export function selectSeqOfOldest(state: StateDatabase, endpoint: string, count: number): number | undefined {
  const rows = state.build.selectFrom('notification').select('seq').where('endpoint', '=', endpoint).orderBy('seq')
  return state.first(rows.limit(1).offset(count - 1))?.seq
}

/** By endpoint, in the order of names. Reads the queue's index once: for a start, not for each question. */
export function selectCounts(state: StateDatabase): { endpoint: string; pending: number }[] {
  const { build } = state
  const rows = build.selectFrom('notification').select(['endpoint', build.fn.countAll<number>().as('pending')])
  return state.all(rows.groupBy('endpoint').orderBy('endpoint'))
}

/** When the next event of an endpoint after `seq` was queued. */
export function selectOldest(state: StateDatabase, endpoint: string, seq: number): number | undefined {
  const rows = state.build.selectFrom('notification').select('queued_at').where('endpoint', '=', endpoint).where('seq', '>', seq)
  return state.first(rows.orderBy('seq').limit(1))?.queued_at
}
