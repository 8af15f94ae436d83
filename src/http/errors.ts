import { OciError } from '../oci/error.ts'
import type { Reply } from './reply.ts'

/** The answer that tells a client of an error. What is not an OciError is a defect or an outage: 500, and nothing of it leaks. */
export function errorReply(error: unknown): Reply {
  const refusal = error instanceof OciError ? error : new OciError('UNKNOWN')
  return { status: refusal.status, headers: { 'Content-Type': 'application/json', ...refusal.headers }, body: formatErrors(refusal) }
}

/**
 * The body of an error, with a newline at its end as Distribution writes it.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
 */
function formatErrors(error: OciError): string {
  const errors = [error, ...error.others].map(({ code, message, detail }) => ({ code, message, detail }))
  return `${JSON.stringify({ errors })}\n`
}
