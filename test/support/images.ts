import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'

/** Bytes that a push sends: blobs first, then the manifest that names them. */
export interface Image {
  readonly blobs: readonly Buffer[]
  readonly manifest: Buffer
  readonly digest: Digest
}

/** An image of its own for each name, with a config and a layer; `layers` may be shared with others. */
export function imageOf(name: string, layers: readonly Buffer[] = [Buffer.from(`layer of ${name} `.repeat(8))]): Image {
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', name }))
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: describe('application/vnd.oci.image.config.v1+json', config),
      layers: layers.map((layer) => describe('application/vnd.oci.image.layer.v1.tar', layer)),
    }),
  )
  return { blobs: [config, ...layers], manifest, digest: digestOf(manifest) }
}

function describe(mediaType: string, bytes: Buffer): object {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength }
}
