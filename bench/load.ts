/** The load generator: a process of its own, told by its parent what to prepare and when to go. */
import { type Job, prepare, type Ready } from './jobs.ts'

export type Order = { readonly prepare: Job; readonly origin: string } | { readonly go: true }
export type Outcome = { readonly isReady: true } | { readonly amount: number; readonly seconds: number } | { readonly error: string }

let ready: Ready = () => Promise.resolve(0)

process.on('message', (order: Order) => {
  obey(order).then(tell, (error: Error) => tell({ error: error.stack ?? error.message }))
})

async function obey(order: Order): Promise<Outcome> {
  if ('prepare' in order) {
    ready = await prepare(order.prepare, order.origin)
    return { isReady: true }
  }
  const startedMs = performance.now()
  const amount = await ready()
  return { amount, seconds: (performance.now() - startedMs) / 1000 }
}

function tell(outcome: Outcome): void {
  process.send?.(outcome)
}
