import type { Digest } from '../oci/digest.ts'
import { OciError } from '../oci/error.ts'
import type { Descriptor, ParsedManifest } from '../oci/manifest.ts'
import type { RepositoryName } from '../oci/name.ts'
import { layerLink, revisionLink } from '../volume/layout.ts'
import { neededChildren } from './push-rules.ts'
import type { Registry } from './registry.ts'

const AT_ONCE = 16

/**
 * Config and layers need a layer link in the repository and bytes on the volume; children of an index that the rules ask
 * for, a revision or a layer link. `subject` and non-distributable layers need not exist (distribution-spec v1.1.1, Pushing Manifests).
 *
 * @throws OciError `MANIFEST_BLOB_UNKNOWN`, one for each digest that is missing.
 */
export async function refuseMissingReferences(registry: Registry, repository: RepositoryName, parsed: ParsedManifest): Promise<void> {
  const missing = await findMissingReferences(registry, repository, { ...parsed, children: neededChildren(registry.rules, parsed) })
  const [first, ...others] = missing.map((digest) => new OciError('MANIFEST_BLOB_UNKNOWN', digest))
  if (first) throw new OciError(first.code, first.detail, { others })
}

/** What a manifest names and its repository does not have, each digest once. */
export async function findMissingReferences(registry: Registry, repository: RepositoryName, parsed: ParsedManifest): Promise<Digest[]> {
  const blobs = [...(parsed.config ? [parsed.config] : []), ...parsed.layers]
  return [
    ...(await findMissing(blobs, (digest) => isHere(registry, [layerLink(repository, digest)]))),
    ...(await findMissing(parsed.children, (digest) => isHere(registry, [revisionLink(repository, digest), layerLink(repository, digest)]))),
  ]
}

async function findMissing(descriptors: readonly Descriptor[], isThere: (digest: Digest) => Promise<boolean>): Promise<Digest[]> {
  const digests = [...new Set(descriptors.map(({ digest }) => digest))]
  const missing: Digest[] = []
  for (let at = 0; at < digests.length; at += AT_ONCE) {
    const batch = digests.slice(at, at + AT_ONCE)
    const found = await Promise.all(batch.map(isThere))
    missing.push(...batch.filter((_digest, index) => !found[index]))
  }
  return missing
}

/** Whether one of the links is there and the bytes it names are: the bytes are looked for on the volume each time. */
async function isHere(registry: Registry, links: readonly string[]): Promise<boolean> {
  for (const link of links) {
    const target = await registry.links.find(link)
    if (target && !registry.damage.has(target)) return (await registry.blobs.findSize(target)) !== undefined
  }
  return false
}
