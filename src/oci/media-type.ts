/** Media types that decide how a manifest is read. Everything else is data that we only carry. */
export const mediaTypes = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  blob: 'application/octet-stream',
} as const

const INDEXES: ReadonlySet<string> = new Set([mediaTypes.ociIndex, mediaTypes.dockerManifestList])
const IMAGES: ReadonlySet<string> = new Set([mediaTypes.ociManifest, mediaTypes.dockerManifest])
const SCHEMA1: ReadonlySet<string> = new Set([mediaTypes.dockerSchema1, mediaTypes.dockerSchema1Signed])

/** Layers that a client may leave at their own source: they need not be on this volume. */
const NON_DISTRIBUTABLE = /^application\/vnd\.(?:docker\.image\.rootfs\.foreign\.|oci\.image\.layer\.nondistributable\.)/

/** Layers of images, wherever they are kept: what a client unpacks. */
const IMAGE_LAYER = /^application\/vnd\.(?:docker\.image\.rootfs\.|oci\.image\.layer\.)/

export const isIndexType = (mediaType: string): boolean => INDEXES.has(mediaType)
export const isImageType = (mediaType: string): boolean => IMAGES.has(mediaType)
export const isSchema1Type = (mediaType: string): boolean => SCHEMA1.has(mediaType)
export const isNonDistributable = (mediaType: string): boolean => NON_DISTRIBUTABLE.test(mediaType)
export const isImageLayer = (mediaType: string): boolean => IMAGE_LAYER.test(mediaType)

/** `Content-Type` without its parameters, in lower case; `undefined` when there is none. */
export function bareMediaType(header: string | undefined): string | undefined {
  return header?.split(';', 1)[0]?.trim().toLowerCase() || undefined
}
