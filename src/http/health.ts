import { type Reply, text } from './reply.ts'

/** What health says, a sentence each; both empty when all is well. */
export interface Health {
  /** Why no requests should be sent here. */
  problems(): readonly string[]
  /** What somebody should look after soon, for example a certificate's end. */
  warnings(): readonly string[]
}

/** Metrics in the text format of Prometheus. */
export interface MetricsSource {
  readonly contentType: string
  render(): Promise<string>
}

const FRESH = { 'Cache-Control': 'no-store' }

/** The process answers: that is all this says. */
export function live(): Reply {
  return text(200, 'ok\n', FRESH)
}

/** Whether to send requests here. */
export function ready(health: Health): Reply {
  const problems = health.problems()
  const lines = [problems.length === 0 ? 'ready' : 'not ready', ...problems, ...health.warnings().map((warning) => `warning: ${warning}`)]
  return text(problems.length === 0 ? 200 : 503, `${lines.join('\n')}\n`, FRESH)
}

/** As Distribution's `/debug/health`: an object of the failing checks. */
export function debugHealth(health: Health): Reply {
  const problems = health.problems()
  const checks = Object.fromEntries(problems.map((problem, index) => [`check-${index + 1}`, problem]))
  return { status: problems.length === 0 ? 200 : 503, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(checks) }
}

export async function metrics(source: MetricsSource): Promise<Reply> {
  return { status: 200, headers: { 'Content-Type': source.contentType, ...FRESH }, body: await source.render() }
}
