import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { runOk } from './command.ts'
import { digestOf, ociIndexType, ociManifestType } from './registry-client.ts'

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly platform?: { readonly os: string; readonly architecture: string }
  readonly annotations?: Readonly<Record<string, string>>
}

/** Folders that skopeo reads as `oci:FOLDER:REF`, and one archive for `docker load`. */
export interface Images {
  /** `v1` and `v2`, which share their first layer. */
  readonly small: string
  /** `latest`: an index of linux/amd64 and linux/arm64. */
  readonly multi: string
  /** `docker load` makes `small:v1` of it. */
  readonly dockerArchive: string
}

/** More of them, which take time. Each has a `latest`. */
export interface UnusualImages {
  /** 100 tiny layers. */
  readonly deep: string
  /** A layer compressed with zstd. */
  readonly zstd: string
  /** A layer of 60 MB that does not compress. */
  readonly big: string
}

/** Images for what takes more than bytes that fit together. Each has a `latest`. */
export interface WorkingImages {
  /** Runs: busybox, which says hello. */
  readonly runnable: string
  /** A layer of 300 MB that does not compress. */
  readonly huge: string
}

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar'
const MB = 1_000_000
const BASE = tar('base.txt', 'a file that many images have\n')

export async function makeImages(folder: string): Promise<Images> {
  const images = { small: join(folder, 'small'), multi: join(folder, 'multi'), dockerArchive: join(folder, 'small-v1.tar') }
  const v1 = await writeImage(images.small, 'amd64', [BASE, tar('one.txt', 'one\n')])
  const v2 = await writeImage(images.small, 'amd64', [BASE, tar('two.txt', 'two\n')])
  await writeLayout(images.small, [named(v1, 'v1'), named(v2, 'v2')])
  await writeMulti(images.multi)
  await runOk('skopeo', ['copy', '--quiet', `oci:${images.small}:v1`, `docker-archive:${images.dockerArchive}:small:v1`])
  return images
}

export async function makeUnusualImages(folder: string): Promise<UnusualImages> {
  const images = { deep: join(folder, 'deep'), zstd: join(folder, 'zstd'), big: join(folder, 'big') }
  const hundred = Array.from({ length: 100 }, (_, i) => tar(`layer-${i}.txt`, `layer ${i}\n`))
  await writeLayout(images.deep, [named(await writeImage(images.deep, 'amd64', hundred), 'latest')])
  await writeLayout(images.zstd, [named(await writeImage(images.zstd, 'amd64', [tar('zstd.txt', 'zstd\n')], { compression: 'zstd' }), 'latest')])
  await writeLayout(images.big, [named(await writeImage(images.big, 'amd64', [tar('random.bin', randomBytes(60 * MB))]), 'latest')])
  return images
}

export async function makeWorkingImages(folder: string): Promise<WorkingImages> {
  const images = { runnable: join(folder, 'runnable'), huge: join(folder, 'huge') }
  const busybox = tar('bin/busybox', await readFile('/bin/busybox'), 0o755)
  const command = { Cmd: ['/bin/busybox', 'echo', 'hello'] }
  await writeLayout(images.runnable, [
    named(await writeImage(images.runnable, process.arch === 'x64' ? 'amd64' : process.arch, [busybox], { command }), 'latest'),
  ])
  const random = randomBytes(100 * MB)
  const huge = await writeImage(images.huge, 'amd64', [tar('random.bin', Buffer.concat([random, random, random]))], { level: 0 })
  await writeLayout(images.huge, [named(huge, 'latest')])
  return images
}

async function writeMulti(layout: string): Promise<void> {
  const manifests: Descriptor[] = []
  for (const architecture of ['amd64', 'arm64']) {
    const image = await writeImage(layout, architecture, [BASE, tar('architecture.txt', architecture)])
    manifests.push({ ...image, platform: { os: 'linux', architecture } })
  }
  const index = await writeBlob(layout, ociIndexType, JSON.stringify({ schemaVersion: 2, mediaType: ociIndexType, manifests }))
  await writeLayout(layout, [named(index, 'latest')])
}

interface ImageOptions {
  readonly compression?: 'gzip' | 'zstd'
  /** Of gzip; 0 stores the bytes as they are. */
  readonly level?: number
  /** What a container of it runs. */
  readonly command?: { readonly Cmd: readonly string[] }
}

async function writeImage(layout: string, architecture: string, tars: readonly Buffer[], options: ImageOptions = {}): Promise<Descriptor> {
  const { compression = 'gzip', level = 1, command = { Cmd: ['/none'] } } = options
  const layers: Descriptor[] = []
  for (const bytes of tars) {
    const compressed = compression === 'gzip' ? gzipSync(bytes, { level }) : zstdCompressSync(bytes)
    layers.push(await writeBlob(layout, `${LAYER_TYPE}+${compression}`, compressed))
  }
  const rootfs = { type: 'layers', diff_ids: tars.map((bytes) => digestOf(bytes)) }
  const history = tars.map(() => ({ created: '2024-01-01T00:00:00Z', created_by: 'test' }))
  const config = { created: '2024-01-01T00:00:00Z', architecture, os: 'linux', config: command, rootfs, history }
  const descriptor = await writeBlob(layout, CONFIG_TYPE, JSON.stringify(config))
  return writeBlob(layout, ociManifestType, JSON.stringify({ schemaVersion: 2, mediaType: ociManifestType, config: descriptor, layers }))
}

async function writeBlob(layout: string, mediaType: string, bytes: Buffer | string): Promise<Descriptor> {
  const digest = digestOf(bytes)
  const folder = join(layout, 'blobs/sha256')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, digest.slice('sha256:'.length)), bytes)
  return { mediaType, digest, size: Buffer.byteLength(bytes) }
}

async function writeLayout(layout: string, manifests: readonly Descriptor[]): Promise<void> {
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
}

function named(descriptor: Descriptor, ref: string): Descriptor {
  return { ...descriptor, annotations: { 'org.opencontainers.image.ref.name': ref } }
}

/** A tar archive (ustar) of one file. */
function tar(name: string, content: Buffer | string, mode = 0o644): Buffer {
  const bytes = Buffer.from(content)
  const header = Buffer.alloc(512)
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`
  header.write(name, 0)
  header.write(octal(mode, 8) + octal(0, 8) + octal(0, 8) + octal(bytes.length, 12) + octal(1_700_000_000, 12), 100)
  header.write(`${' '.repeat(8)}0`, 148)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512), Buffer.alloc(1024)])
}
