import type { StateDatabase } from '../metadata/connect.ts'
import { selectCounts, selectOldest, type Waiting } from './queue.ts'

/** How one endpoint stands. Counts are since the server's start. */
export interface EndpointStatus {
  readonly name: string
  /** `stopped`: no server runs. `unconfigured`: events wait for a name that the configuration does not have. */
  readonly state: 'idle' | 'delivering' | 'failing' | 'disabled' | 'unconfigured' | 'stopped'
  /** Without user, password and query. */
  readonly url?: string
  readonly pending: number
  /** When the event that waits longest was queued, RFC 3339. */
  readonly oldest?: string
  readonly counts?: EndpointCounts
  /** Tries in a row that failed. */
  readonly failures?: number
  readonly lastFailure?: { readonly at: string; readonly reason: string }
  readonly nextTry?: string
}

export interface EndpointCounts {
  /** Events that were queued. */
  readonly events: number
  /** Tries that were accepted, that were answered otherwise, and that had no answer. */
  readonly successes: number
  readonly failures: number
  readonly errors: number
  /** Events that were given up, since too many waited. */
  readonly dropped: number
  /** Answers, such as `200 OK`. */
  readonly statuses: Readonly<Record<string, number>>
}

/** What waits on disk, told by nobody who delivers. */
export function statusOnDisk(state: StateDatabase): EndpointStatus[] {
  return selectCounts(state).map(({ endpoint, pending }) => {
    return { name: endpoint, state: 'stopped', ...waitingFields({ endpoint, pending, oldest: selectOldest(state, endpoint, 0) }) }
  })
}

export function waitingFields(waiting: Waiting | undefined): Pick<EndpointStatus, 'pending' | 'oldest'> {
  const { pending = 0, oldest } = waiting ?? {}
  return { pending, ...(oldest !== undefined && { oldest: new Date(oldest).toISOString() }) }
}
