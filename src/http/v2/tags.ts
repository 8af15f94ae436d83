import * as tags from '../../registry/tags.ts'
import { type Exchange, listPath } from '../exchange.ts'
import { nextLink, parseAfter, parseLimit } from '../pagination.ts'
import { json, type Reply } from '../reply.ts'

/** end-8a, end-8b: tags in lexical order, after `last`; `n` of them, or all. */
export async function listTags(exchange: Exchange<'name'>): Promise<Reply> {
  const { registry, settings, params, query } = exchange
  const asked = parseLimit(query)
  const limit = asked === undefined ? undefined : Math.min(asked, settings.tagsMaxTags)
  const page = await tags.listTags(registry, params.name, { ...parseAfter(query), ...(limit !== undefined && { limit }) })
  const last = page.more ? page.tags.at(-1) : undefined
  const next = last !== undefined ? nextLink(listPath(exchange, `/v2/${params.name}/tags/list`), { last, n: String(limit) }) : {}
  return json(200, { name: params.name, tags: page.tags }, next)
}
