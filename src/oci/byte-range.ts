import { OciError } from './error.ts'

/** Bytes `first` to `last`, both included, counted from 0. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/**
 * The part of `size` bytes that a `Range` header asks for; `undefined` for no header, for another unit and for several
 * ranges, which a server may ignore (RFC 9110 14.2).
 *
 * @throws OciError `RANGE_INVALID` (416 with `Content-Range: bytes * of size`) when no byte of it exists, or it ends before
 * it starts: such a range may be ignored or refused (RFC 9110 14.2), and Distribution refuses it.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '')
  if (!match || (!match[1] && !match[2])) return undefined
  const [, from = '', to = ''] = match
  const first = from ? Number(from) : Math.max(0, size - Number(to))
  const last = from && to ? Math.min(Number(to), size - 1) : size - 1
  if (first > last) throw new OciError('RANGE_INVALID', { range: header, size }, { headers: { 'Content-Range': `bytes */${size}` } })
  return { first, last }
}

/**
 * A chunk's place from `Content-Range: <first>-<last>`, which the registry API writes without a unit (Docker also takes
 * `bytes first-last/total`).
 *
 * @throws OciError `RANGE_INVALID` if it cannot be read or ends before it starts.
 */
export function parseContentRange(header: string): ByteRange {
  const match = /^(?:bytes[ =])?\s*(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/i.exec(header.trim())
  const first = Number(match?.[1])
  const last = Number(match?.[2])
  if (!match || last < first) throw new OciError('RANGE_INVALID', { contentRange: header.slice(0, 100) })
  return { first, last }
}
