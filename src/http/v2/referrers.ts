import { mediaTypes } from '../../oci/media-type.ts'
import * as referrers from '../../registry/referrers.ts'
import { type Exchange, listPath } from '../exchange.ts'
import { nextLink, parseAfter, parseLimit } from '../pagination.ts'
import { json, type Reply } from '../reply.ts'

const PAGE = 1000

/** end-12a, end-12b: what refers to a manifest, as an index; empty for a manifest that is not here. */
export async function listReferrers(exchange: Exchange<'name' | 'digest'>): Promise<Reply> {
  const { registry, params, query } = exchange
  const limit = Math.min(parseLimit(query) || PAGE, PAGE)
  const artifactType = query.get('artifactType')
  const filter = artifactType ? { artifactType } : {}
  const { descriptors, more } = await referrers.listReferrers(registry, params.name, params.digest, { limit, ...filter, ...parseAfter(query) })
  const last = more ? descriptors.at(-1)?.digest : undefined
  const path = listPath(exchange, `/v2/${params.name}/referrers/${params.digest}`)
  return json(
    200,
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: descriptors },
    {
      'Content-Type': mediaTypes.ociIndex,
      ...(artifactType && { 'OCI-Filters-Applied': 'artifactType' }),
      ...(last !== undefined && nextLink(path, { ...filter, last, n: String(limit) })),
    },
  )
}
