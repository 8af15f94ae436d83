import { MANIFEST_LIMIT } from '../../oci/manifest.ts'
import { bareMediaType, mediaTypes } from '../../oci/media-type.ts'
import { parseTag, type Tag } from '../../oci/reference.ts'
import * as manifests from '../../registry/manifests.ts'
import { deleteTag } from '../../registry/tags.ts'
import { type Accepts, parseAccept, refuseUnaccepted } from '../accept.ts'
import { readSmallBody } from '../body.ts'
import { isUnchanged } from '../conditional.ts'
import type { Exchange } from '../exchange.ts'
import { empty, type Reply } from '../reply.ts'
import { defaultPlatformDigest } from './default-platform.ts'

/** end-3: a manifest, byte for byte as it was pushed. */
export async function getManifest(exchange: Exchange<'name' | 'reference'>): Promise<Reply> {
  const accepts = parseAccept(exchange.headers.accept)
  const manifest = await findAccepted(exchange, accepts)
  const about = { 'Docker-Content-Digest': manifest.digest, ETag: `"${manifest.digest}"` }
  if (isUnchanged(exchange.headers, manifest.digest)) return empty(304, about)
  refuseUnaccepted(accepts, manifest.mediaType)
  return { status: 200, headers: { ...about, 'Content-Type': manifest.mediaType }, body: manifest.bytes }
}

/** A manifest list that is asked for by tag, by a client that knows none, is answered with its manifest for linux/amd64. */
async function findAccepted({ registry, params }: Exchange<'name' | 'reference'>, accepts: Accepts): Promise<manifests.Manifest> {
  const manifest = await manifests.getManifest(registry, params.name, params.reference)
  const isKnown = manifest.mediaType !== mediaTypes.dockerManifestList || accepts(mediaTypes.dockerManifestList)
  if (isKnown || params.reference.kind === 'digest') return manifest
  return manifests.getManifest(registry, params.name, { kind: 'digest', digest: defaultPlatformDigest(manifest.bytes) })
}

/** end-7a, end-7b: stores a manifest under its digest and its tags. */
export async function putManifest(exchange: Exchange<'name' | 'reference'>): Promise<Reply> {
  const { registry, params, headers, locate } = exchange
  const tags = tagsOf(exchange)
  const contentType = bareMediaType(headers['content-type'])
  const bytes = await readSmallBody(exchange, MANIFEST_LIMIT)
  const { digest, parsed } = await manifests.putManifest(registry, params.name, {
    bytes,
    tags,
    ...(contentType && { contentType }),
    ...(params.reference.kind === 'digest' && { digest: params.reference.digest }),
  })
  return empty(201, {
    Location: locate(`/v2/${params.name}/manifests/${digest}`),
    'Docker-Content-Digest': digest,
    ...(parsed.subject && { 'OCI-Subject': parsed.subject.digest }),
    ...(params.reference.kind === 'digest' && tags.length > 0 && { 'OCI-Tag': tags }),
  })
}

/** By tag; or by digest with any number of `?tag=`, as the spec's main branch describes after v1.1.1. */
function tagsOf({ params, query }: Exchange<'reference'>): Tag[] {
  if (params.reference.kind === 'tag') return [params.reference.tag]
  return [...new Set(query.getAll('tag'))].map(parseTag)
}

/** end-9: takes away a tag, or a manifest with all its tags. */
export async function deleteManifest({ registry, params }: Exchange<'name' | 'reference'>): Promise<Reply> {
  if (params.reference.kind === 'tag') await deleteTag(registry, params.name, params.reference.tag)
  else await manifests.deleteManifest(registry, params.name, params.reference.digest)
  return empty(202)
}
