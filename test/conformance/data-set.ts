import { gzipSync } from 'node:zlib'
import { type DigestAlgorithm, digestOf } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { bytesFor } from './bytes.ts'

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly [field: string]: unknown
}

/** A manifest to be pushed, and how it is to be found afterwards. */
export interface PushedManifest {
  readonly bytes: Buffer
  readonly digest: string
  readonly mediaType: string
  readonly tags: readonly string[]
  readonly subject: string | undefined
  /** As the referrers API must show it. */
  readonly listed: Descriptor
}

export interface ManifestOptions {
  readonly tags?: readonly string[]
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly subject?: Descriptor
  /** Fields that no specification knows. */
  readonly extra?: Readonly<Record<string, unknown>>
}

export interface ImageOptions extends ManifestOptions {
  readonly config?: Descriptor
  readonly layers?: readonly Descriptor[]
}

export const layerTypes = {
  tar: 'application/vnd.oci.image.layer.v1.tar',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  kept: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
  keptGzip: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
} as const

const CONFIG = 'application/vnd.oci.image.config.v1+json'

/** Blobs and manifests that belong together, in the order in which they can be pushed; the same bytes each time. */
export class DataSet {
  readonly name: string
  readonly blobs = new Map<string, Buffer>()
  readonly manifests: PushedManifest[] = []
  readonly #algorithm: DigestAlgorithm
  #count = 0

  constructor(name: string, algorithm: DigestAlgorithm = 'sha256') {
    this.name = name
    this.#algorithm = algorithm
  }

  blob(bytes: Buffer, mediaType: string): Descriptor {
    const descriptor = this.#describe(bytes, mediaType)
    this.blobs.set(descriptor.digest, bytes)
    return descriptor
  }

  layer(mediaType: string = layerTypes.gzip): Descriptor {
    const bytes = bytesFor(`${this.name} layer ${this.#count++}`, 1500)
    return this.blob(mediaType.endsWith('gzip') ? gzipSync(bytes) : bytes, mediaType)
  }

  /** A layer that stays where it is. */
  absentLayer(mediaType: string): Descriptor {
    const described = this.#describe(bytesFor(`${this.name} absent ${this.#count++}`, 1500), mediaType)
    return { ...described, urls: [`https://store.example.com/${described.digest}`] }
  }

  config(extra: Readonly<Record<string, unknown>> = {}): Descriptor {
    const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, name: `${this.name} ${this.#count++}`, ...extra }
    return this.blob(Buffer.from(JSON.stringify(config)), CONFIG)
  }

  /** What stands for a config or a layer that is not there; image-spec v1.1.1, Guidance for an Empty Descriptor. */
  empty(): Descriptor {
    return this.blob(Buffer.from('{}'), mediaTypes.ociEmpty)
  }

  image({ config = this.config(), layers = [this.layer(), this.layer()], ...options }: ImageOptions = {}): Descriptor {
    return this.manifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers }, options)
  }

  artifact(options: ManifestOptions & { readonly artifactType: string }): Descriptor {
    return this.image({ config: this.empty(), layers: [this.layer('application/vnd.example.data')], ...options })
  }

  index(manifests: readonly Descriptor[], options: ManifestOptions = {}): Descriptor {
    return this.manifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }, options)
  }

  manifest(fields: Readonly<Record<string, unknown>>, { tags = [], extra = {}, ...options }: ManifestOptions = {}): Descriptor {
    const bytes = Buffer.from(JSON.stringify({ ...fields, ...options, ...extra }))
    const mediaType = String(fields['mediaType'] ?? (fields['manifests'] ? mediaTypes.ociIndex : mediaTypes.ociManifest))
    const described = this.#describe(bytes, mediaType)
    const artifactType = options.artifactType ?? (fields['config'] as Descriptor | undefined)?.mediaType
    const listed = { ...described, ...(artifactType && { artifactType }), ...(options.annotations && { annotations: options.annotations }) }
    this.manifests.push({ ...described, bytes, tags, listed, subject: options.subject?.digest })
    return described
  }

  #describe(bytes: Buffer, mediaType: string): Descriptor {
    return { mediaType, digest: digestOf(bytes, this.#algorithm), size: bytes.length }
  }
}
