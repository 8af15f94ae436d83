import { fixed } from './fixed.ts'
import { debugHealth, type Health } from './health.ts'
import { empty, type Reply, text } from './reply.ts'
import type { Answer } from './serve.ts'

const PROFILER = `Go's profiler is not here. To profile this program, start it with NODE_OPTIONS='--cpu-prof --cpu-prof-dir=/tmp', stop it after
the load in question, and open the file in a browser's developer tools. Memory and garbage collection are in the metrics.
`

/** What Distribution has below `/debug`. */
export function debugRoutes(health: Health): Record<string, Answer> {
  return {
    '/debug/health': fixed('debug', async () => debugHealth(health)),
    '/debug/health/down': fixed('debug', async () => setDown(health, true), 'POST'),
    '/debug/health/up': fixed('debug', async () => setDown(health, false), 'POST'),
    '/debug/vars': fixed('debug', async () => variables()),
    '/debug/pprof': fixed('debug', async () => text(404, PROFILER)),
    '/debug/pprof/': fixed('debug', async () => text(404, PROFILER)),
  }
}

function setDown(health: Health, isDown: boolean): Reply {
  health.setDown(isDown)
  return empty(200)
}

/** Go's expvar, as far as this program has what its names say: bytes of memory, of which Alloc is what lives on the heap. */
function variables(): Reply {
  const { rss, heapTotal, heapUsed } = process.memoryUsage()
  const memstats = { Alloc: heapUsed, Sys: rss, HeapAlloc: heapUsed, HeapSys: heapTotal }
  const body = `${JSON.stringify({ cmdline: process.argv, memstats })}\n`
  return { status: 200, headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }, body }
}
