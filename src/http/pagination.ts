import { OciError } from '../oci/error.ts'

/**
 * How many results a client wants (`n`); `undefined` when it does not say.
 *
 * @throws OciError `PAGINATION_NUMBER_INVALID` if it is not a whole number of 0 or more.
 */
export function parseLimit(query: URLSearchParams): number | undefined {
  const text = query.get('n')
  if (text === null || text === '') return undefined
  const limit = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(limit)) throw new OciError('PAGINATION_NUMBER_INVALID', { n: text.slice(0, 100) })
  return limit
}

/** Where a page begins: after `last`, which need not exist. */
export function parseAfter(query: URLSearchParams): { after?: string } {
  const after = query.get('last')
  return after ? { after } : {}
}

/** The `Link` to the next page, an absolute path as Distribution writes it; parameters in the order of their names. */
export function nextLink(path: string, parameters: Readonly<Record<string, string>>): Record<string, string> {
  const query = new URLSearchParams(parameters)
  query.sort()
  return { Link: `<${path}?${query}>; rel="next"` }
}
