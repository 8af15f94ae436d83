import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface LargeVolumeOptions {
  readonly repositories: number
  /** Tags of the first repository; every other one has `latest` alone. */
  readonly tags: number
  /** Manifests that the first repository's tags point to in turn. */
  readonly manifests: number
}

export interface LargeVolume {
  /** In lexical order; the first is the one with many tags. */
  readonly repositories: readonly string[]
  readonly tags: readonly string[]
  readonly layer: Buffer
  readonly layerDigest: string
}

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'

/** Writes a volume as Distribution would have left it: an image for each tag, of a config and a layer, and no file of lacre's. */
export function writeLargeVolume(root: string, { repositories, tags, manifests }: LargeVolumeOptions): LargeVolume {
  const writer = new VolumeWriter(join(root, 'docker/registry/v2'))
  const layer = Buffer.alloc(1024, 'layer of all ')
  const names = Array.from({ length: repositories }, (_, at) => `team-${number(at % 100, 2)}/app-${number(at, 5)}`).sort()
  const tagNames = Array.from({ length: tags }, (_, at) => `v${number(at, 6)}`)
  const [first = '', ...others] = names
  const many = Array.from({ length: manifests }, (_, at) => writer.writeImage(first, `${first} ${at}`, layer))
  for (const [at, tag] of tagNames.entries()) writer.writeTag(first, tag, many[at % many.length] ?? '')
  for (const name of others) writer.writeTag(name, 'latest', writer.writeImage(name, name, layer))
  return { repositories: names, tags: tagNames, layer, layerDigest: `sha256:${digestHexOf(layer)}` }
}

function digestHexOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Links and bytes, each folder made once. */
class VolumeWriter {
  readonly #root: string
  readonly #made = new Set<string>()

  constructor(root: string) {
    this.#root = root
  }

  /** Returns the manifest's digest in hex. */
  writeImage(repository: string, label: string, layer: Buffer): string {
    const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Labels: { label } }, rootfs: { type: 'layers', diff_ids: [] } }))
    const descriptors = [config, layer].map((bytes) => ({ digest: `sha256:${this.#writeBlob(bytes)}`, size: bytes.byteLength }))
    for (const { digest } of descriptors) this.#writeLink(`repositories/${repository}/_layers/sha256/${digest.slice(7)}`, digest.slice(7))
    const [configDescriptor, layerDescriptor] = descriptors
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...configDescriptor },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...layerDescriptor }],
    }
    const hex = this.#writeBlob(Buffer.from(JSON.stringify(manifest)))
    this.#writeLink(`repositories/${repository}/_manifests/revisions/sha256/${hex}`, hex)
    return hex
  }

  writeTag(repository: string, tag: string, hex: string): void {
    const folder = `repositories/${repository}/_manifests/tags/${tag}`
    this.#writeLink(`${folder}/current`, hex)
    this.#writeLink(`${folder}/index/sha256/${hex}`, hex)
  }

  #writeBlob(bytes: Buffer): string {
    const hex = digestHexOf(bytes)
    const folder = `blobs/sha256/${hex.slice(0, 2)}/${hex}`
    if (!this.#makeFolder(folder)) return hex
    writeFileSync(join(this.#root, folder, 'data'), bytes)
    return hex
  }

  #writeLink(folder: string, hex: string): void {
    this.#makeFolder(folder)
    writeFileSync(join(this.#root, folder, 'link'), `sha256:${hex}`)
  }

  /** `false` when it was made before. One call to the system each, which `recursive` would not be. */
  #makeFolder(folder: string): boolean {
    if (this.#made.has(folder)) return false
    this.#made.add(folder)
    if (folder !== '.') this.#makeFolder(dirname(folder))
    mkdirSync(join(this.#root, folder), { recursive: folder === '.' })
    return true
  }
}

const number = (value: number, digits: number): string => String(value).padStart(digits, '0')
