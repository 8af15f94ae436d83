import { existsSync } from 'node:fs'
import { openStateFile } from '../metadata/connect.ts'
import { PostOffice } from './post-office.ts'
import { type EndpointStatus, statusOnDisk } from './status.ts'

/** What can be asked of the queue, by whoever runs it and of the file alone. */
export interface Mailroom {
  status(): Promise<EndpointStatus[]>
  /** Gives up what waits for an endpoint; how many events that were. */
  discard(endpoint: string): Promise<number>
}

/** What an operator may ask of the webhooks, by name. Parameters and results are plain data. */
const operations = {
  'notifications-status': (mailroom) => mailroom.status(),
  'notifications-discard': async (mailroom, { endpoint }) => ({ discarded: await mailroom.discard(String(endpoint)) }),
} satisfies Record<string, (mailroom: Mailroom, parameters: Readonly<Record<string, unknown>>) => Promise<unknown>>

export type NotificationOperation = keyof typeof operations

export function isNotificationOperation(name: string): name is NotificationOperation {
  return Object.hasOwn(operations, name)
}

export function runNotificationOperation(mailroom: Mailroom, name: NotificationOperation, parameters: Readonly<Record<string, unknown>>): Promise<unknown> {
  return operations[name](mailroom, parameters)
}

/** The queue of a volume on which nothing is delivered. */
export function openMailroom(path: string): Mailroom {
  return {
    async status() {
      if (!existsSync(path)) return []
      const state = openStateFile(path)
      try {
        return statusOnDisk(state)
      } finally {
        state.close()
      }
    },
    async discard(endpoint) {
      const office = new PostOffice({ path, endpoints: [] }, { onWritten: () => undefined, remark: () => undefined })
      try {
        return office.discard(endpoint)
      } finally {
        await office.close()
      }
    },
  }
}
