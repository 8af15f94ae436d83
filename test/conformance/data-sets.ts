import { mediaTypes } from '../../src/oci/media-type.ts'
import type { SpecVersion } from './chapter.ts'
import { type DataSet, layerTypes } from './data-set.ts'

export interface NamedDataSet {
  readonly version: SpecVersion
  readonly name: string
  /** Tags are named in the push by digest (`?tag=`), not pushed one by one. */
  readonly tagsInQuery?: true
  readonly fill: (data: DataSet) => void
  readonly algorithm?: 'sha512'
}

const SIGNATURE = 'application/vnd.example.signature'
const SBOM = 'application/vnd.example.sbom'
const platform = (architecture: string) => ({ platform: { os: 'linux', architecture } })
const unknown = { 'com.example.unknown': 'kept', unknownObject: { deep: [1, null, true] } }

/** What people push: images, lists of them, artifacts, and what refers to them. */
export const dataSets: readonly NamedDataSet[] = [
  { version: '1.0', name: 'an image', fill: (data) => data.image({ tags: ['image', 'also'] }) },
  {
    version: '1.0',
    name: 'an image of uncompressed layers',
    fill: (data) => data.image({ tags: ['uncompressed'], layers: [data.layer(layerTypes.tar), data.layer(layerTypes.tar)] }),
  },
  {
    version: '1.0',
    name: 'an image that does not state its own media type',
    fill: (data) => data.manifest({ schemaVersion: 2, config: data.config(), layers: [data.layer()] }, { tags: ['untyped'] }),
  },
  {
    version: '1.0',
    name: 'an image whose manifest has nearly 4 MiB',
    fill: (data) => {
      const annotations = Object.fromEntries(Array.from({ length: 410 }, (_, index) => [`com.example.large.${index}`, 'x'.repeat(10_000)]))
      data.image({ tags: ['large'], annotations })
    },
  },
  { version: '1.0', name: 'an image without layers', fill: (data) => data.image({ tags: ['bare'], layers: [] }) },
  {
    version: '1.0',
    name: 'an image with the data of what it names',
    fill: (data) => {
      const withData = (descriptor: ReturnType<DataSet['blob']>) => ({ ...descriptor, data: data.blobs.get(descriptor.digest)?.toString('base64') })
      data.image({ tags: ['data'], config: withData(data.config()), layers: [withData(data.layer())] })
    },
  },
  {
    version: '1.0',
    name: 'an image with layers that stay elsewhere',
    fill: (data) => data.image({ tags: ['elsewhere'], layers: [data.absentLayer(layerTypes.keptGzip), data.absentLayer(layerTypes.kept), data.layer()] }),
  },
  {
    version: '1.0',
    name: 'an index',
    fill: (data) =>
      data.index(
        [
          { ...data.image(), ...platform('amd64') },
          { ...data.image(), ...platform('arm64') },
        ],
        { tags: ['index'] },
      ),
  },
  {
    version: '1.0',
    name: 'an index of indexes',
    fill: (data) => data.index([data.index([data.image(), data.image()]), data.index([data.image()])], { tags: ['nested'] }),
  },
  { version: '1.0', name: 'an empty index', fill: (data) => data.index([], { tags: ['empty'] }) },
  {
    version: '1.0',
    name: 'an index with fields that nobody knows',
    fill: (data) => data.index([data.image({ config: data.config(unknown), extra: unknown })], { tags: ['unknown'], extra: unknown }),
  },
  {
    version: '1.0',
    name: 'a Docker image and a list of it',
    fill: (data) => {
      const config = { ...data.config(), mediaType: 'application/vnd.docker.container.image.v1+json' }
      const layers = [data.layer('application/vnd.docker.image.rootfs.diff.tar.gzip')]
      const image = data.manifest({ schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config, layers }, { tags: ['image'] })
      data.manifest({ schemaVersion: 2, mediaType: mediaTypes.dockerManifestList, manifests: [{ ...image, ...platform('amd64') }] }, { tags: ['list'] })
    },
  },
  {
    version: '1.0',
    name: 'an index under sha512',
    algorithm: 'sha512',
    fill: (data) => data.index([data.image(), data.image()]),
  },
  { version: '1.1', name: 'an artifact', fill: (data) => data.artifact({ artifactType: SBOM, tags: ['artifact'] }) },
  {
    version: '1.1',
    name: 'an artifact without layers',
    fill: (data) => data.image({ artifactType: SBOM, config: data.empty(), layers: [data.empty()], tags: ['hollow'] }),
  },
  {
    version: '1.1',
    name: 'an index of artifacts',
    fill: (data) => data.index([data.artifact({ artifactType: SBOM }), data.artifact({ artifactType: SBOM })], { artifactType: SBOM, tags: ['artifacts'] }),
  },
  {
    version: '1.1',
    name: 'an image and what refers to it',
    fill: (data) => {
      const subject = data.image({ tags: ['image'] })
      data.image({ subject })
      data.artifact({ artifactType: SIGNATURE, subject, annotations: { 'com.example.note': 'first' }, tags: ['signature'] })
      data.artifact({ artifactType: SBOM, subject, annotations: { 'com.example.note': 'second' } })
    },
  },
  {
    version: '1.1',
    name: 'an index and an index that refers to it',
    fill: (data) => {
      const subject = data.index([data.image()], { tags: ['index'] })
      data.index([data.artifact({ artifactType: SIGNATURE })], { artifactType: SIGNATURE, subject, annotations: { 'com.example.note': 'one' } })
    },
  },
  {
    version: '1.1',
    name: 'an artifact whose subject is not there',
    fill: (data) => {
      const subject = { mediaType: mediaTypes.ociManifest, digest: `sha256:${'5'.repeat(64)}`, size: 123 }
      data.artifact({ artifactType: SIGNATURE, subject, tags: ['orphan'] })
    },
  },
  {
    version: '1.1',
    name: 'an artifact that refers to an image, under sha512',
    algorithm: 'sha512',
    fill: (data) => data.artifact({ artifactType: SIGNATURE, subject: data.image() }),
  },
  {
    version: 'dev',
    name: 'an index with tags in the query',
    tagsInQuery: true,
    fill: (data) => data.index([data.image({ tags: ['child'] })], { tags: ['one', 'two'] }),
  },
  {
    version: 'dev',
    name: 'an index under sha512 with tags in the query',
    tagsInQuery: true,
    algorithm: 'sha512',
    fill: (data) => data.index([data.image({ tags: ['child'] })], { tags: ['one', 'two'] }),
  },
]
