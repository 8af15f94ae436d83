import type { Call } from './call.ts'
import { type Reply, text } from './reply.ts'
import type { Answer } from './serve.ts'

/** An answer to one path and one method, HEAD with GET; other methods are 405. */
export function fixed(id: string, answer: (call: Call) => Promise<Reply>, method: 'GET' | 'POST' = 'GET'): Answer {
  const allowed = method === 'GET' ? ['GET', 'HEAD'] : [method]
  return (call) => {
    const { request, findings } = call
    findings.endpoint = id
    if (allowed.includes(request.method ?? '')) return answer(call)
    return Promise.resolve(text(405, 'Method not allowed\n', { Allow: allowed.join(', ') }))
  }
}
