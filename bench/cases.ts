import type { Job } from './jobs.ts'
import type { LargeVolume } from './large-volume.ts'

/** What one row of the table measures. */
export interface Case {
  readonly name: string
  /** How it is counted: bytes as MB/s and CPU s/GiB, requests as 1/s and CPU µs, things as ms and CPU ms each. */
  readonly unit: 'bytes' | 'requests' | 'things'
  /** `seed` is another one each time. */
  readonly job: (seed: number) => Job
  readonly wanted?: Wanted
}

/** What lacre is to reach: at least so many times Distribution's speed, at most so much of its processor time, at most so long. */
export interface Wanted {
  readonly timesAsFast?: number
  readonly cpuRatio?: number
  readonly ms?: number
}

/** Cases that are asked of the same servers. */
export interface Phase {
  readonly name: string
  readonly isTls: boolean
  /** Of the account `bench` in an htpasswd file; without one, nobody is asked who they are. */
  readonly bcryptCost?: number
  readonly volume: VolumeName
  /** Done once for each program before anything is measured. */
  readonly setUp: readonly Job[]
  readonly cases: (volume: LargeVolume | undefined) => readonly Case[]
}

/** An empty one; the one with many repositories and tags; the one with ten times as many, for lacre alone. */
export type VolumeName = 'small' | 'large' | 'huge'

export interface Sizes {
  /** In bytes. */
  readonly blob: number
  /** In bytes, of each of eight at once. */
  readonly parallelBlob: number
  /** In bytes, of each of 32 at once. */
  readonly memoryBlob: number
  readonly requests: number
  readonly slowRequests: number
  readonly images: number
  /** Copied each way by skopeo before it is measured: a registry runs for weeks, and its code is compiled by then. */
  readonly warmImages: number
  readonly repositories: number
  readonly manyRepositories: number
  readonly tags: number
  readonly certificates: number
  readonly revoked: number
}

const MiB = 1024 * 1024

export const fullSizes: Sizes = {
  blob: 1024 * MiB,
  parallelBlob: 128 * MiB,
  memoryBlob: 100e6,
  requests: 40_000, // a server is warm after some 20,000
  slowRequests: 100,
  images: 5,
  warmImages: 20,
  repositories: 10_000,
  manyRepositories: 100_000,
  tags: 20_000,
  certificates: 1000,
  revoked: 10_000,
}

export const quickSizes: Sizes = {
  blob: 64 * MiB,
  parallelBlob: 8 * MiB,
  memoryBlob: 10e6,
  requests: 1000,
  slowRequests: 10,
  images: 1,
  warmImages: 0,
  repositories: 500,
  manyRepositories: 1000,
  tags: 1000,
  certificates: 50,
  revoked: 500,
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const LARGE = { repository: 'bench/pulled', seed: 0 }
const PARALLEL = { repository: 'bench/pulled', seed: 1 }
const PULLED_IMAGE = { repository: 'bench/image-pulled', seed: 0 }
const CONNECTIONS = 16
const LAYERS = 20

/** Everything that is measured. */
export function phasesOf(sizes: Sizes): Phase[] {
  const setUp: Job[] = [
    { kind: 'push-blob', ...LARGE, size: sizes.blob, atOnce: 1, protocol: 'any' },
    { kind: 'push-blob', ...PARALLEL, size: sizes.parallelBlob, atOnce: 1, protocol: 'any' },
  ]
  const image: Job = { kind: 'skopeo', ...PULLED_IMAGE, layers: LAYERS, direction: 'push' }
  const small = { volume: 'small', isTls: true } as const
  return [
    { ...small, name: 'TLS 1.3, curl', setUp, cases: () => transfers(sizes) },
    { ...small, name: 'TLS 1.3, skopeo', setUp: [image, ...warmUp(sizes)], cases: skopeoCases },
    { ...small, name: 'TLS 1.3, pushes of small layers', setUp: [], cases: () => pushImages(sizes) },
    { ...small, name: 'plain HTTP, curl', isTls: false, setUp: setUp.slice(0, 1), cases: () => plainTransfers(sizes) },
    { ...small, name: 'TLS 1.3, many repositories', volume: 'large', setUp: [], cases: (volume) => [...requests(sizes, volume), ...lists(volume)] },
    ...[5, 10].map(
      (cost): Phase => ({
        ...small,
        name: `TLS 1.3, htpasswd of cost ${cost}`,
        bcryptCost: cost,
        volume: 'large',
        setUp: [],
        cases: (volume) => [authenticated(sizes, volume, cost)],
      }),
    ),
    { ...small, name: 'TLS 1.3, ten times as many repositories', volume: 'huge', setUp: [], cases: (volume) => [catalogPage(volume)] },
  ]
}

const mebibytes = (size: number): string => `${Math.round(size / MiB)} MiB`

function transfers({ blob, parallelBlob }: Sizes): Case[] {
  const pull = { kind: 'pull-blob', ...LARGE, size: blob, atOnce: 1 } as const
  const push = { kind: 'push-blob', size: blob, atOnce: 1 } as const
  const parallel = { size: parallelBlob, atOnce: 8, protocol: 'any' } as const
  const pulled = { timesAsFast: 1.5, cpuRatio: 0.6 }
  const pushed = { timesAsFast: 1.6, cpuRatio: 0.65 }
  return [
    { name: `pull ${mebibytes(blob)}`, unit: 'bytes', wanted: pulled, job: () => ({ ...pull, protocol: 'any' }) },
    { name: `pull ${mebibytes(blob)}, HTTP/1.1 for both`, unit: 'bytes', job: () => ({ ...pull, protocol: 'http1.1' }) },
    { name: `push ${mebibytes(blob)}`, unit: 'bytes', wanted: pushed, job: (seed) => ({ ...push, seed, repository: `bench/p-${seed}`, protocol: 'any' }) },
    {
      name: `push ${mebibytes(blob)}, HTTP/1.1 for both`,
      unit: 'bytes',
      job: (seed) => ({ ...push, seed, repository: `bench/p-${seed}`, protocol: 'http1.1' }),
    },
    {
      name: `8 pulls at once of ${mebibytes(parallelBlob)}`,
      unit: 'bytes',
      wanted: { timesAsFast: 1.3 },
      job: () => ({ kind: 'pull-blob', ...PARALLEL, ...parallel }),
    },
    {
      name: `8 pushes at once of ${mebibytes(parallelBlob)}`,
      unit: 'bytes',
      wanted: { timesAsFast: 1.3 },
      job: (seed) => ({ kind: 'push-blob', repository: `bench/p-${seed}`, seed, ...parallel }),
    },
  ]
}

function plainTransfers({ blob }: Sizes): Case[] {
  const large = { size: blob, atOnce: 1, protocol: 'any' } as const
  return [
    { name: `pull ${mebibytes(blob)}`, unit: 'bytes', job: () => ({ kind: 'pull-blob', ...LARGE, ...large }) },
    { name: `push ${mebibytes(blob)}`, unit: 'bytes', job: (seed) => ({ kind: 'push-blob', repository: `bench/p-${seed}`, seed, ...large }) },
  ]
}

function warmUp({ warmImages }: Sizes): Job[] {
  const images = Array.from({ length: warmImages }, (_, at) => ({ kind: 'skopeo', repository: `bench/warm-${at}`, seed: -1 - at, layers: LAYERS }) as const)
  return images.flatMap((image) => [
    { ...image, direction: 'push' },
    { ...image, direction: 'pull' },
  ])
}

function skopeoCases(): Case[] {
  const wanted = { timesAsFast: 1.25 }
  const image = { kind: 'skopeo', layers: LAYERS } as const
  return [
    {
      name: `push an image of ${LAYERS} layers`,
      unit: 'things',
      wanted,
      job: (seed) => ({ ...image, repository: `bench/image-${seed}`, seed, direction: 'push' }),
    },
    { name: 'pull it', unit: 'things', wanted, job: () => ({ ...image, ...PULLED_IMAGE, direction: 'pull' }) },
    { name: 'push it again', unit: 'things', wanted, job: () => ({ ...image, ...PULLED_IMAGE, direction: 'push' }) },
  ]
}

function pushImages({ images }: Sizes): Case[] {
  return [1, 3].map((atOnce) => ({
    name: `${LAYERS} layers of 64 KiB, ${atOnce === 1 ? 'one after another' : `${atOnce} at a time`}`,
    unit: 'things',
    job: (seed) => ({ kind: 'push-images', repository: `bench/image-${atOnce}-${seed}`, images, layers: LAYERS, atOnce, seed }),
  }))
}

function requests({ requests: count }: Sizes, volume: LargeVolume | undefined): Case[] {
  const base = { kind: 'requests', accept: MANIFEST, count, slowCount: count / 8, connections: CONNECTIONS } as const
  const manifest = manifestPath(volume)
  const blob = `/v2/${volume?.repositories[0]}/blobs/${volume?.layerDigest}`
  return [
    {
      name: `GET manifest by tag, ${CONNECTIONS} connections`,
      unit: 'requests',
      wanted: { timesAsFast: 8 },
      job: () => ({ ...base, method: 'GET', path: manifest }),
    },
    { name: `HEAD manifest by tag, ${CONNECTIONS} connections`, unit: 'requests', job: () => ({ ...base, method: 'HEAD', path: manifest }) },
    { name: `HEAD blob, ${CONNECTIONS} connections`, unit: 'requests', job: () => ({ ...base, method: 'HEAD', path: blob }) },
    { name: `GET /v2/, ${CONNECTIONS} connections`, unit: 'requests', job: () => ({ ...base, method: 'GET', path: '/v2/' }) },
  ]
}

function authenticated({ requests: count, slowRequests }: Sizes, volume: LargeVolume | undefined, cost: number): Case {
  const wanted = { timesAsFast: cost === 5 ? 15 : 300 }
  const job = { kind: 'requests', method: 'GET', path: manifestPath(volume), accept: MANIFEST, connections: CONNECTIONS } as const
  // Distribution asks bcrypt each time: as many requests as lacre answers would take it minutes
  return {
    name: `GET manifest by tag, ${CONNECTIONS} connections`,
    unit: 'requests',
    wanted,
    job: () => ({ ...job, count, slowCount: cost === 5 ? count / 8 : slowRequests }),
  }
}

function lists(volume: LargeVolume | undefined): Case[] {
  const tags = `/v2/${volume?.repositories[0]}/tags/list`
  return [
    catalogPage(volume),
    {
      name: `100 tags of ${volume?.tags.length}`,
      unit: 'things',
      wanted: { ms: 3 },
      job: () => ({ kind: 'pages', path: `${tags}?n=100`, pages: 1, times: 20 }),
    },
    { name: `${volume?.tags.length} tags by 1000`, unit: 'things', job: () => ({ kind: 'pages', path: `${tags}?n=1000`, pages: 1000, times: 3 }) },
    {
      name: `catalog of ${volume?.repositories.length}, last 1000`,
      unit: 'things',
      job: () => ({ kind: 'pages', path: `/v2/_catalog?n=1000&last=${volume?.repositories.at(-1001) ?? ''}`, pages: 1, times: 5 }),
    },
  ]
}

function catalogPage(volume: LargeVolume | undefined): Case {
  const name = `catalog of ${volume?.repositories.length}, first 100`
  return { name, unit: 'things', wanted: { ms: 3 }, job: () => ({ kind: 'pages', path: '/v2/_catalog?n=100', pages: 1, times: 20 }) }
}

function manifestPath(volume: LargeVolume | undefined): string {
  return `/v2/${volume?.repositories[0]}/manifests/${volume?.tags[0]}`
}
