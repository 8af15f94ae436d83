import type { Exchange } from '../exchange.ts'
import type { Reply } from '../reply.ts'

/** end-1: this is a registry, and you are let in. */
export async function ping(_exchange: Exchange<never>): Promise<Reply> {
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: '{}' }
}
