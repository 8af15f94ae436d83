import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts'
import { OciError } from '../oci/error.ts'
import { parseManifest } from '../oci/manifest.ts'
import type { RepositoryName } from '../oci/name.ts'
import { formatReference, type Reference, type Tag } from '../oci/reference.ts'
import { layerLink, revisionLink } from '../volume/layout.ts'
import { commitStaged } from './commit-bytes.ts'
import { tellDiskFull } from './disk-full.ts'
import { unlinkLayer } from './layers.ts'
import { refuseForbidden } from './push-rules.ts'
import { refuseMissingReferences } from './references.ts'
import { type Registry, sightingKey } from './registry.ts'
import { findRepositoryId, listRepository } from './repositories.ts'
import { deleteRevision, insertRevision, isReferenced } from './revision-rows.ts'
import { settleUnderLock, withRepository } from './settle.ts'
import { findManifest, findServedManifest, type Manifest } from './stored-manifests.ts'
import { insertTag, selectTagsOf } from './tag-rows.ts'
import { findTag, putTag, refuseMovedTags, removeTag } from './tags.ts'

export type { Manifest } from './stored-manifests.ts'

/**
 * The manifest a tag or a digest names in a repository, verified against its digest.
 *
 * @throws OciError `MANIFEST_UNKNOWN`
 */
export async function getManifest(registry: Registry, repository: RepositoryName, reference: Reference): Promise<Manifest> {
  const manifest = (await lookUp(registry, repository, reference)) ?? (reference.kind === 'tag' ? await lookUp(registry, repository, reference) : undefined)
  if (!manifest) throw new OciError('MANIFEST_UNKNOWN', { name: repository, reference: formatReference(reference) })
  registry.sightings.set(sightingKey(repository, manifest.digest), registry.clock.monotonic())
  return manifest
}

export interface ManifestPush {
  readonly bytes: Buffer
  /** The bare media type the client sent, if any. */
  readonly contentType?: string
  /** The digest the client names, if any; the bytes must match it. */
  readonly digest?: Digest
  readonly tags: readonly Tag[]
  /** Those of them that must not point to another manifest already. */
  readonly fixedTags?: readonly Tag[]
}

/**
 * Stores a manifest and points tags at it; all of it durable on return. What it names must be here.
 *
 * @throws OciError `MANIFEST_INVALID`, `DIGEST_INVALID`, `DENIED` by the rules or for a fixed tag, or one `MANIFEST_BLOB_UNKNOWN` for each digest that is missing; `UNAVAILABLE` (507) when the disk is full.
 */
export async function putManifest(registry: Registry, repository: RepositoryName, push: ManifestPush): Promise<Manifest> {
  const computed = digestOf(push.bytes, push.digest ? digestAlgorithm(push.digest) : 'sha256')
  if (push.digest && push.digest !== computed) throw new OciError('DIGEST_INVALID', { digest: push.digest, computed })
  const parsed = parseManifest(push.bytes, push.contentType)
  refuseForbidden(registry.rules, parsed)
  const manifest: Manifest = { digest: computed, mediaType: parsed.mediaType, bytes: push.bytes, parsed }
  const commit = async (): Promise<void> => {
    await refuseMovedTags(registry, repository, computed, push.fixedTags ?? [])
    await refuseMissingReferences(registry, repository, parsed)
    await commitManifest(registry, repository, manifest, push.tags)
  }
  await tellDiskFull(() => registry.locks.digest.run(computed, () => withRepository(registry, repository, commit)))
  return manifest
}

/**
 * Removes a manifest from a repository, durably: the tags that point to it first, its revision last.
 *
 * @returns these tags
 * @throws OciError `MANIFEST_UNKNOWN`
 */
export async function deleteManifest(registry: Registry, repository: RepositoryName, digest: Digest): Promise<Tag[]> {
  const unknown = () => new OciError('MANIFEST_UNKNOWN', { name: repository, reference: digest })
  if (!(await isManifestHere(registry, repository, digest))) throw unknown()
  return withRepository(registry, repository, async () => {
    if (!(await isManifestHere(registry, repository, digest))) throw unknown()
    return removeManifest(registry, repository, digest)
  })
}

/** Under the repository's lock. Returns the tags that went with it. */
export async function removeManifest(registry: Registry, repository: RepositoryName, digest: Digest): Promise<Tag[]> {
  const { rows, links } = registry
  const { isUsed, tags } = await removeTagsOf(registry, repository, digest)
  await links.remove(revisionLink(repository, digest))
  if (!isUsed) await unlinkLayer(registry, repository, digest)
  rows.change((index) => deleteRevision(index, findRepositoryId(index, repository), digest))
  return tags
}

/** Removes the tags that point to a manifest; whether another manifest names it. Looks again when the index was replaced meanwhile. */
async function removeTagsOf(registry: Registry, repository: RepositoryName, digest: Digest): Promise<{ isUsed: boolean; tags: Tag[] }> {
  const { rows } = registry
  const tags: Tag[] = []
  for (;;) {
    const { generation } = rows
    await settleUnderLock(registry, repository)
    const id = rows.read((index) => findRepositoryId(index, repository)) ?? -1
    const isUsed = rows.read((index) => isReferenced(index, id, digest))
    for (const tag of rows.read((index) => selectTagsOf(index, id, digest))) {
      await removeTag(registry, repository, tag)
      tags.push(tag)
    }
    if (rows.generation === generation) return { isUsed, tags }
  }
}

async function lookUp(registry: Registry, repository: RepositoryName, reference: Reference): Promise<Manifest | undefined> {
  const digest = reference.kind === 'digest' ? reference.digest : await findTag(registry, repository, reference.tag)
  if (!digest) return undefined
  if (await registry.links.find(revisionLink(repository, digest))) return findManifest(registry, digest)
  return findManifestAmongLayers(registry, repository, digest)
}

/** Distribution linked manifests as layers once, and serves those still. */
async function findManifestAmongLayers(registry: Registry, repository: RepositoryName, digest: Digest): Promise<Manifest | undefined> {
  const target = await registry.links.find(layerLink(repository, digest))
  return target === digest ? findServedManifest(registry, digest) : undefined
}

async function isManifestHere(registry: Registry, repository: RepositoryName, digest: Digest): Promise<boolean> {
  if (await registry.links.find(revisionLink(repository, digest))) return true
  return (await findManifestAmongLayers(registry, repository, digest)) !== undefined
}

/** Bytes, revision, tags, rows: each durable before the next. */
async function commitManifest(registry: Registry, repository: RepositoryName, manifest: Manifest, tags: readonly Tag[]): Promise<void> {
  const { volume, links, rows, clock, settlement } = registry
  const { digest, bytes, parsed } = manifest
  await commitStaged(registry, await volume.stage('blobs', bytes), { digest, size: bytes.byteLength })
  await links.affirm(revisionLink(repository, digest), digest, clock.now())
  for (const tag of tags) await putTag(registry, repository, tag, digest)
  rows.change((index) => {
    const id = listRepository(index, repository)
    insertRevision(index, id, { digest, size: bytes.byteLength, parsed })
    for (const tag of tags) insertTag(index, id, tag, digest)
  })
  registry.manifests.set(digest, manifest)
  if (settlement.doubtful.has(repository)) settlement.settled.delete(repository) // the push may have mended it
}
