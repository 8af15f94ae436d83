import { type Endpoint, ociIndexType, ociManifestType, pushBlob, pushManifest } from './registry-client.ts'

/** What was ever pushed to a volume, so that each registry can be asked for all of it. */
export interface Ledger {
  readonly manifests: Map<string, Set<string>>
  readonly blobs: Map<string, Set<string>>
}

export function openLedger(): Ledger {
  return { manifests: new Map(), blobs: new Map() }
}

export function note(book: Map<string, Set<string>>, repository: string, digest: string): void {
  book.set(repository, (book.get(repository) ?? new Set()).add(digest))
}

export interface Image {
  readonly config: Buffer
  readonly layers: readonly Buffer[]
  readonly manifest: Buffer
}

/** An image whose bytes follow from its name alone; `shared` is a layer that all images have. */
export function imageOf(name: string, digest: (bytes: Buffer) => string): Image {
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', author: name, rootfs: { type: 'layers', diff_ids: [] } }))
  const layers = [Buffer.from('a layer that all images share'), Buffer.from(`the layer of ${name} `.repeat(100))]
  const descriptor = (mediaType: string, bytes: Buffer): object => ({ mediaType, digest: digest(bytes), size: bytes.length })
  const manifest = {
    schemaVersion: 2,
    mediaType: ociManifestType,
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: layers.map((bytes) => descriptor('application/vnd.oci.image.layer.v1.tar', bytes)),
  }
  return { config, layers, manifest: Buffer.from(JSON.stringify(manifest, null, 3)) }
}

/** Pushes an image's blobs and its manifest; gives the manifest's digest. */
export async function pushImage(endpoint: Endpoint, ledger: Ledger, repository: string, tag: string, image: Image): Promise<string> {
  for (const bytes of [image.config, ...image.layers]) note(ledger.blobs, repository, await pushBlob(endpoint, repository, bytes))
  const digest = await pushManifest(endpoint, repository, tag, image.manifest)
  note(ledger.manifests, repository, digest)
  return digest
}

export interface Child {
  readonly digest: string
  readonly size: number
}

export async function pushIndex(endpoint: Endpoint, ledger: Ledger, repository: string, tag: string, children: readonly Child[]): Promise<string> {
  const manifests = children.map((child, i) => ({ mediaType: ociManifestType, ...child, platform: { os: 'linux', architecture: i === 0 ? 'amd64' : 'arm64' } }))
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociIndexType, manifests }))
  const digest = await pushManifest(endpoint, repository, tag, bytes, ociIndexType)
  note(ledger.manifests, repository, digest)
  return digest
}
