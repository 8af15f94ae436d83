import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type Digest, type DigestAlgorithm, digestAlgorithm, digestOf } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parseRepositoryName, type RepositoryName } from '../../src/oci/name.ts'
import { parseReference, parseTag } from '../../src/oci/reference.ts'
import { getBlob, openBlob } from '../../src/registry/blobs.ts'
import { getManifest, putManifest } from '../../src/registry/manifests.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { putBlob } from '../../src/registry/uploads.ts'
import type { Image } from './images.ts'

export const repo = (name: string): RepositoryName => parseRepositoryName(name)

export const bodyOf = (...parts: readonly (string | Buffer)[]): Readable => Readable.from(parts.map((part) => Buffer.from(part)))

export async function pushBlob(registry: Registry, repository: string, bytes: string | Buffer, algorithm?: DigestAlgorithm): Promise<Digest> {
  const digest = digestOf(bytes, algorithm)
  await putBlob(registry, repo(repository), digest, { body: bodyOf(bytes) })
  return digest
}

/** A manifest's bytes or what they say, under tags. Its digest. */
export async function pushManifest(registry: Registry, repository: string, manifest: object | Buffer, ...tags: readonly string[]): Promise<Digest> {
  const bytes = Buffer.isBuffer(manifest) ? manifest : Buffer.from(JSON.stringify(manifest))
  return (await putManifest(registry, repo(repository), { bytes, tags: tags.map(parseTag) })).digest
}

export async function pushImage(registry: Registry, repository: string, image: Image, ...tags: readonly string[]): Promise<Digest> {
  for (const blob of image.blobs) await pushBlob(registry, repository, blob, digestAlgorithm(image.digest))
  return pushManifest(registry, repository, image.manifest, ...tags)
}

/** What a pull of a tag or a digest gets: the manifest's digest. */
export async function pull(registry: Registry, repository: string, reference: string): Promise<Digest> {
  return (await getManifest(registry, repo(repository), parseReference(reference))).digest
}

export async function readBlob(registry: Registry, repository: string, digest: Digest): Promise<Buffer> {
  const blob = await getBlob(registry, repo(repository), digest)
  return buffer(await openBlob(registry, repo(repository), blob))
}

/** An index of manifests, as an object. */
export function indexOf(...children: readonly { readonly digest: Digest; readonly manifest: Buffer }[]): object {
  const manifests = children.map(({ digest, manifest }) => ({ mediaType: mediaTypes.ociManifest, digest, size: manifest.byteLength }))
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }
}

/** An artifact that refers to a subject; its config is an empty object, which must have been pushed. */
export function artifactOf(artifactType: string, subject: Digest | undefined, annotations: Readonly<Record<string, string>> = {}): object {
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 },
    layers: [],
    ...(subject ? { subject: { mediaType: mediaTypes.ociManifest, digest: subject, size: 1 } } : {}),
    annotations,
  }
}
