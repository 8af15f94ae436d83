import type { ByteRange } from '../oci/byte-range.ts'
import type { Digest } from '../oci/digest.ts'
import { OciError } from '../oci/error.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { ByteStream } from '../volume/driver.ts'
import { layerLink } from '../volume/layout.ts'
import { commitBytes } from './commit-bytes.ts'
import { tellDiskFull } from './disk-full.ts'
import { selectRepositoriesWith } from './layer-rows.ts'
import { linkLayer, unlinkLayer } from './layers.ts'
import { type Registry, refuseUnlessWritable, sightingKey } from './registry.ts'
import { withRepository } from './settle.ts'

export type { ByteStream } from '../volume/driver.ts'

export interface Blob {
  readonly digest: Digest
  /** In bytes, as the volume has it now. */
  readonly size: number
}

/**
 * A blob of a repository: linked there, and its bytes on the volume at this moment.
 *
 * @throws OciError `BLOB_UNKNOWN`
 */
export async function getBlob(registry: Registry, repository: RepositoryName, digest: Digest): Promise<Blob> {
  const blob = await findBlob(registry, repository, digest)
  if (!blob) throw new OciError('BLOB_UNKNOWN', digest)
  registry.sightings.set(sightingKey(repository, digest), registry.clock.monotonic())
  return blob
}

/** The blob's bytes, or a part of them. They stay readable though the blob is deleted meanwhile. */
export async function openBlob(registry: Registry, repository: RepositoryName, { digest }: Blob, range?: ByteRange): Promise<ByteStream> {
  const target = (await registry.links.find(layerLink(repository, digest))) ?? digest
  return registry.blobs.open(target, range)
}

/**
 * Takes a blob out of a repository, durably. The bytes stay until they are collected.
 *
 * @throws OciError `BLOB_UNKNOWN`
 */
export async function deleteBlob(registry: Registry, repository: RepositoryName, digest: Digest): Promise<void> {
  if (!(await registry.links.find(layerLink(repository, digest)))) throw new OciError('BLOB_UNKNOWN', digest)
  const wasThere = await withRepository(registry, repository, () => unlinkLayer(registry, repository, digest))
  if (!wasThere) throw new OciError('BLOB_UNKNOWN', digest)
}

/**
 * Makes a blob of another repository part of this one, durably, without its bytes being sent.
 *
 * @returns `undefined` when the source does not have it: the client then uploads.
 */
export async function mountBlob(registry: Registry, repository: RepositoryName, digest: Digest, from: RepositoryName): Promise<Blob | undefined> {
  const mount = async (): Promise<Blob | undefined> => {
    const target = await registry.links.find(layerLink(from, digest))
    const blob = target === digest ? await findBlob(registry, from, digest) : undefined
    if (blob) await linkLayer(registry, repository, blob)
    return blob
  }
  return tellDiskFull(() => registry.locks.digest.run(digest, mount))
}

/** Repositories that have the blob, by the rows: for a mount that names no source. A hundred at most. */
export function findBlobSources(registry: Registry, digest: Digest): Promise<RepositoryName[]> {
  return Promise.resolve(registry.rows.read((index) => selectRepositoriesWith(index, digest)))
}

/** Makes staged, synced and hashed bytes a blob of a repository; durable on return. */
export async function commitBlob(registry: Registry, repository: RepositoryName, staged: string, blob: Blob): Promise<void> {
  await registry.locks.digest.run(blob.digest, async () => {
    refuseUnlessWritable(registry)
    await commitBytes(registry, staged, blob)
    await linkLayer(registry, repository, blob)
  })
}

async function findBlob(registry: Registry, repository: RepositoryName, digest: Digest): Promise<Blob | undefined> {
  const target = await registry.links.find(layerLink(repository, digest))
  if (!target || registry.damage.has(target)) return undefined
  const size = await registry.blobs.findSize(target)
  return size === undefined ? undefined : { digest, size }
}
