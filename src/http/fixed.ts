import { type Reply, text } from './reply.ts'
import type { Answer } from './serve.ts'

/** An answer to one path and one method, HEAD with GET; other methods are 405. */
export function fixed(id: string, answer: () => Promise<Reply>, method: 'GET' | 'POST' = 'GET'): Answer {
  const allowed = method === 'GET' ? ['GET', 'HEAD'] : [method]
  return ({ request, findings }) => {
    findings.endpoint = id
    if (allowed.includes(request.method ?? '')) return answer()
    return Promise.resolve(text(405, 'Method not allowed\n', { Allow: allowed.join(', ') }))
  }
}
