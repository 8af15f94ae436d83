import { OciError } from '../../oci/error.ts'
import { listRepositories } from '../../registry/repositories.ts'
import type { Leave } from '../authorize.ts'
import { type Exchange, listPath } from '../exchange.ts'
import { nextLink, parseAfter, parseLimit } from '../pagination.ts'
import { json, type Reply } from '../reply.ts'

const DEFAULT_PAGE = 100 // Distribution registry/handlers/catalog.go, defaultReturnedEntries

/** Repositories in lexical order, after `last`; `n` of them, or 100. Those that the caller may not pull from are as if they were not there. */
export async function listCatalog(exchange: Exchange<never>): Promise<Reply> {
  const { registry, settings, query, leave } = exchange
  const limit = parseLimit(query) ?? Math.min(DEFAULT_PAGE, settings.catalogMaxEntries)
  if (limit > settings.catalogMaxEntries) throw new OciError('PAGINATION_NUMBER_INVALID', { n: limit })
  if (limit === 0) return json(200, { repositories: [] })
  const { repositories, more } = await listRepositories(registry, { limit, ...parseAfter(query), ...visible(leave) })
  const last = more ? repositories.at(-1) : undefined
  const next = last !== undefined ? nextLink(listPath(exchange, '/v2/_catalog'), { last, n: String(limit) }) : {}
  return json(200, { repositories }, next)
}

function visible(leave: Leave): { shows?: (repository: string) => boolean } {
  return leave.pullsEverywhere ? {} : { shows: (repository) => leave.allows({ action: 'pull', repository }) }
}
