import type { Logger } from 'pino'
import type { Metrics } from './observability/metrics.ts'
import type { RegistryEvent } from './registry/registry.ts'

interface Edge {
  readonly log: Logger
  readonly metrics: Metrics
}

const REMEMBERED_DAMAGE = 10_000

/** Tells each thing once, though pulls come across it again and again. */
export function createReport({ log, metrics }: Edge): (event: RegistryEvent) => void {
  const told = new Set<string>()
  const tellOnce = (what: string, tell: () => void): void => {
    if (told.has(what) || told.size > REMEMBERED_DAMAGE) return
    told.add(what)
    tell()
  }
  return (event) => {
    if (event.kind === 'settling') showSettling(event, { log, metrics })
    if (event.kind === 'damaged-link')
      tellOnce(event.path, () => log.warn({ path: event.path }, 'a link is empty or no digest: what it stood for is not served until it is pushed again'))
    if (event.kind === 'damaged-blob') log.error({ digest: event.digest, reason: event.reason }, 'a blob is damaged: it answers 404 until it is pushed again')
    if (event.kind === 'index-replaced') log.warn({ reason: event.reason }, 'the index starts anew and is rebuilt from the volume')
    if (event.kind === 'state-trouble') log.error(event.reason)
    if (event.kind === 'unseen-folder')
      tellOnce(event.path, () => log.error({ path: event.path, err: event.cause }, 'a folder of repositories cannot be looked into'))
    if (event.kind === 'settle-failed') log.error({ repository: event.repository, err: event.cause }, 'a repository could not be compared with the volume')
  }
}

function showSettling({ settled, repositories }: { settled: number; repositories: number }, { log, metrics }: Edge): void {
  metrics.repositories.set({ state: 'settled' }, settled)
  metrics.repositories.set({ state: 'pending' }, Math.max(0, repositories - settled))
  log.info(`compared ${settled} of ${repositories} repositories with the volume`)
}
