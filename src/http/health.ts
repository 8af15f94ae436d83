import { OciError } from '../oci/error.ts'
import { type Reply, text } from './reply.ts'
import type { Answer } from './serve.ts'

/** What health says; all empty when all is well. */
export interface Health {
  /** The checks that fail, each with its reason: as long as there is one, every request is answered with 503. */
  failing(): Readonly<Record<string, string>>
  /** Why no requests should be sent here, though what can be answered is; a sentence each. */
  problems(): readonly string[]
  /** What somebody should look after soon, for example a certificate's end. */
  warnings(): readonly string[]
  /** Makes a check of its own fail, by hand, until it is told otherwise. */
  setDown(isDown: boolean): void
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
  const problems = [...Object.entries(health.failing()).map(([name, reason]) => `${name}: ${reason}`), ...health.problems()]
  const lines = [problems.length === 0 ? 'ready' : 'not ready', ...problems, ...health.warnings().map((warning) => `warning: ${warning}`)]
  return text(problems.length === 0 ? 200 : 503, `${lines.join('\n')}\n`, FRESH)
}

/** As Distribution's `/debug/health`: an object of the failing checks. */
export function debugHealth(health: Health): Reply {
  const problems = Object.fromEntries(health.problems().map((problem, index) => [`lacre_${index + 1}`, problem]))
  const checks = { ...health.failing(), ...problems }
  const isWell = Object.keys(checks).length === 0
  return { status: isWell ? 200 : 503, headers: { 'Content-Type': 'application/json', ...FRESH }, body: JSON.stringify(checks) }
}

/**
 * An answer that is only given while no check fails.
 *
 * @see Distribution health/health.go, Handler
 */
export function whileHealthy(health: Health, answer: Answer): Answer {
  return async (call) => {
    if (Object.keys(health.failing()).length > 0) throw new OciError('UNAVAILABLE', 'health check failed: please see /debug/health')
    return answer(call)
  }
}

export async function metrics(source: MetricsSource): Promise<Reply> {
  return { status: 200, headers: { 'Content-Type': source.contentType, ...FRESH }, body: await source.render() }
}
