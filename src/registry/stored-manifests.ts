import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts'
import { OciError } from '../oci/error.ts'
import { MANIFEST_LIMIT, type ParsedManifest, parseManifest } from '../oci/manifest.ts'
import type { Registry } from './registry.ts'

/** A manifest as it was pushed, byte for byte, and what it says. */
export interface Manifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Buffer
  readonly parsed: ParsedManifest
}

/**
 * The bytes under a digest as a manifest, whichever repository it is in; `undefined` when they are missing or damaged.
 *
 * @throws OciError `MANIFEST_INVALID` when they are right but no manifest.
 */
export async function findManifest(registry: Registry, digest: Digest): Promise<Manifest | undefined> {
  const known = registry.manifests.get(digest)
  if (known) return known
  if (registry.damage.has(digest)) return undefined
  const size = await registry.blobs.findSize(digest)
  if (size === undefined) return undefined
  if (size > MANIFEST_LIMIT) throw new OciError('MANIFEST_INVALID', { reason: 'larger than a manifest may be', size })
  const { commits } = registry.blobs
  const bytes = await registry.blobs.read(digest, MANIFEST_LIMIT)
  if (!bytes) return undefined
  const computed = digestOf(bytes, digestAlgorithm(digest))
  if (computed !== digest && registry.blobs.commits !== commits) return findManifest(registry, digest) // a push may have put it right
  if (computed !== digest) return noteDamage(registry, digest, `the bytes have the digest ${computed}`)
  const parsed = parseManifest(bytes)
  const manifest: Manifest = { digest, mediaType: parsed.mediaType, bytes, parsed }
  registry.manifests.set(digest, manifest)
  return manifest
}

/** As `findManifest`; `undefined` also for bytes that are no manifest that we serve, as Docker schema 1. */
export async function findServedManifest(registry: Registry, digest: Digest): Promise<Manifest | undefined> {
  try {
    return await findManifest(registry, digest)
  } catch (error) {
    if (error instanceof OciError) return undefined
    throw error
  }
}

function noteDamage(registry: Registry, digest: Digest, reason: string): undefined {
  registry.blobs.distrust(digest)
  registry.damage.add(digest, reason)
}
