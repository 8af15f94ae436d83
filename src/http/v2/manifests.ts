import { MANIFEST_LIMIT } from '../../oci/manifest.ts'
import { bareMediaType, mediaTypes } from '../../oci/media-type.ts'
import { parseTag, type Reference, type Tag } from '../../oci/reference.ts'
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
  const { registry, params, headers, announce } = exchange
  const repository = params.name
  const accepts = parseAccept(headers.accept)
  const named = await manifests.getManifest(registry, repository, params.reference)
  const manifest = await findAccepted(exchange, named, accepts)
  const about = { 'Docker-Content-Digest': manifest.digest, ETag: `"${manifest.digest}"` }
  if (isUnchanged(headers, manifest.digest)) return empty(304, about)

  announce.pulled({ action: 'pull', repository, manifest: named, tag: tagOf(params.reference) })
  if (manifest !== named) announce.pulled({ action: 'pull', repository, manifest })
  refuseUnaccepted(accepts, manifest.mediaType)
  return { status: 200, headers: { ...about, 'Content-Type': manifest.mediaType }, body: manifest.bytes }
}

/** A manifest list that is asked for by tag, by a client that knows none, is answered with its manifest for linux/amd64. */
async function findAccepted({ registry, params }: Exchange<'name' | 'reference'>, manifest: manifests.Manifest, accepts: Accepts): Promise<manifests.Manifest> {
  const isKnown = manifest.mediaType !== mediaTypes.dockerManifestList || accepts(mediaTypes.dockerManifestList)
  if (isKnown || params.reference.kind === 'digest') return manifest
  return manifests.getManifest(registry, params.name, { kind: 'digest', digest: defaultPlatformDigest(manifest.bytes) })
}

function tagOf(reference: Reference): Tag | undefined {
  return reference.kind === 'tag' ? reference.tag : undefined
}

/** end-7a, end-7b: stores a manifest under its digest and its tags. */
export async function putManifest(exchange: Exchange<'name' | 'reference'>): Promise<Reply> {
  const { registry, params, headers, locate, announce } = exchange
  const tags = tagsOf(exchange)
  const fixedTags = tags.filter((tag) => !mayMove(exchange, tag))
  const contentType = bareMediaType(headers['content-type'])
  const bytes = await readSmallBody(exchange, MANIFEST_LIMIT)
  const manifest = await manifests.putManifest(registry, params.name, {
    bytes,
    tags,
    fixedTags,
    ...(contentType && { contentType }),
    ...(params.reference.kind === 'digest' && { digest: params.reference.digest }),
  })
  const pushed = (tag?: Tag) => ({ action: 'push', repository: params.name, manifest, tag }) as const
  await announce.changed(...(tags.length > 0 ? tags.map(pushed) : [pushed()]))
  const { digest, parsed } = manifest
  return empty(201, {
    Location: locate(`/v2/${params.name}/manifests/${digest}`),
    'Docker-Content-Digest': digest,
    ...(parsed.subject && { 'OCI-Subject': parsed.subject.digest }),
    ...(params.reference.kind === 'digest' && tags.length > 0 && { 'OCI-Tag': tags }),
  })
}

/** Whether the caller may move the tag, once it is there. @throws OciError `DENIED` or `UNAUTHORIZED` where it may not even be made. */
function mayMove({ params, leave }: Exchange<'name'>, tag: Tag): boolean {
  const deed = { action: 'push', repository: params.name, tag } as const
  leave.demand(deed)
  return leave.allows({ ...deed, overwrites: true })
}

/** By tag; or by digest with any number of `?tag=`, as the spec's main branch describes after v1.1.1. */
function tagsOf({ params, query }: Exchange<'reference'>): Tag[] {
  if (params.reference.kind === 'tag') return [params.reference.tag]
  return [...new Set(query.getAll('tag'))].map(parseTag)
}

/** end-9: takes away a tag, or a manifest with all its tags. */
export async function deleteManifest({ registry, params, announce }: Exchange<'name' | 'reference'>): Promise<Reply> {
  const repository = params.name
  const untagged = (tag: Tag) => ({ action: 'delete', repository, tag }) as const
  if (params.reference.kind === 'tag') {
    await deleteTag(registry, repository, params.reference.tag)
    await announce.changed(untagged(params.reference.tag))
  } else {
    const { digest } = params.reference
    const tags = await manifests.deleteManifest(registry, repository, digest)
    await announce.changed({ action: 'delete', repository, digest }, ...tags.map(untagged))
  }
  return empty(202)
}
