import type { IncomingHttpHeaders } from 'node:http'
import type { Digest } from '../oci/digest.ts'

/** Whether the client already has this content: `If-None-Match` with `*` or a list, each quoted or not, weak or not. */
export function isUnchanged(headers: IncomingHttpHeaders, digest: Digest): boolean {
  const header = headers['if-none-match']
  if (header === undefined) return false
  const tags = header.split(',').map((tag) => tag.trim())
  return tags.some((tag) => tag === '*' || tag.replace(/^W\//, '').replace(/^"(.*)"$/, '$1') === digest)
}

/** The `Range` to honour: none when `If-Range` (RFC 9110 13.1.5) names other content. */
export function wantedRange(headers: IncomingHttpHeaders, digest: Digest): string | undefined {
  const condition = headers['if-range']
  return condition === undefined || condition === `"${digest}"` ? headers.range : undefined
}
