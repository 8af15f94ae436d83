import type { Job } from './jobs.ts'
import type { LargeVolume } from './large-volume.ts'

/** What one row of the table measures. */
export interface Case {
  readonly name: string
  /** How it is counted: bytes as MB/s and CPU s/GiB, requests as 1/s and CPU µs, things as ms and CPU ms each. */
  readonly unit: 'bytes' | 'requests' | 'things'
  /** `seed` is another one each time. */
  readonly job: (seed: number) => Job
}

export interface Phase {
  readonly name: string
  readonly isTls: boolean
  /** The volume with many repositories and tags, instead of the empty one. */
  readonly isLarge: boolean
  /** Done once for each program before anything is measured. */
  readonly setUp: readonly Job[]
  readonly cases: readonly Case[]
}

export interface Sizes {
  /** In bytes. */
  readonly blob: number
  readonly requests: number
  readonly images: number
  readonly repositories: number
  readonly tags: number
}

export const fullSizes: Sizes = { blob: 300e6, requests: 8000, images: 5, repositories: 10_000, tags: 20_000 }
export const quickSizes: Sizes = { blob: 50e6, requests: 1000, images: 1, repositories: 500, tags: 1000 }

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const PULLED = { repository: 'bench/pulled', seed: 0 }
const CONNECTIONS = 16
const LAYERS = 20

/** Everything that is measured, given what the large volume holds. */
export function phasesOf(sizes: Sizes, volume: LargeVolume): Phase[] {
  return [
    { name: 'plain HTTP', isTls: false, isLarge: false, setUp: [pushPulled(sizes)], cases: [pullBlob(sizes), pushBlob(sizes), ...pushImages(sizes)] },
    { name: 'TLS', isTls: true, isLarge: false, setUp: [pushPulled(sizes)], cases: [pullBlob(sizes), pushBlob(sizes)] },
    { name: `${sizes.repositories} repositories, plain HTTP`, isTls: false, isLarge: true, setUp: [], cases: [...requests(sizes, volume), ...lists(volume)] },
  ]
}

function pushPulled({ blob }: Sizes): Job {
  return { kind: 'push-blob', ...PULLED, size: blob }
}

const megabytes = (size: number): string => `${size / 1e6} MB`

function pullBlob({ blob }: Sizes): Case {
  return { name: `pull a blob of ${megabytes(blob)}`, unit: 'bytes', job: () => ({ kind: 'pull-blob', ...PULLED, size: blob }) }
}

function pushBlob({ blob }: Sizes): Case {
  return {
    name: `push a blob of ${megabytes(blob)}`,
    unit: 'bytes',
    job: (seed) => ({ kind: 'push-blob', repository: `bench/pushed-${seed}`, size: blob, seed }),
  }
}

function pushImages({ images }: Sizes): Case[] {
  return [1, 3].map((atOnce) => ({
    name: `push an image of ${LAYERS} layers, ${atOnce === 1 ? 'one after another' : `${atOnce} at a time`}`,
    unit: 'things',
    job: (seed) => ({ kind: 'push-images', repository: `bench/image-${atOnce}-${seed}`, images, layers: LAYERS, atOnce, seed }),
  }))
}

function requests({ requests: count }: Sizes, { repositories, tags, layerDigest }: LargeVolume): Case[] {
  const path = `/v2/${repositories[0]}/manifests/${tags[0]}`
  const base = { kind: 'requests', accept: MANIFEST, count, connections: CONNECTIONS } as const
  return [
    { name: `GET manifest by tag, ${CONNECTIONS} connections`, unit: 'requests', job: () => ({ ...base, method: 'GET', path }) },
    { name: `HEAD manifest by tag, ${CONNECTIONS} connections`, unit: 'requests', job: () => ({ ...base, method: 'HEAD', path }) },
    {
      name: `HEAD blob, ${CONNECTIONS} connections`,
      unit: 'requests',
      job: () => ({ ...base, method: 'HEAD', path: `/v2/${repositories[0]}/blobs/${layerDigest}` }),
    },
    { name: `GET /v2/, ${CONNECTIONS} connections`, unit: 'requests', job: () => ({ ...base, method: 'GET', path: '/v2/' }) },
  ]
}

function lists({ repositories, tags }: LargeVolume): Case[] {
  const last = repositories.at(-1001) ?? ''
  const page = (name: string, path: string, pages: number): Case => ({ name, unit: 'things', job: () => ({ kind: 'pages', path, pages, times: 3 }) })
  return [
    page(`list ${tags.length} tags by 1000`, `/v2/${repositories[0]}/tags/list?n=1000`, 1000),
    page('catalog, first page of 1000', '/v2/_catalog?n=1000&last=', 1),
    page('catalog, last page of 1000', `/v2/_catalog?n=1000&last=${last}`, 1),
  ]
}
