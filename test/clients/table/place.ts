import assert from 'node:assert/strict'
import { mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CommandResult } from '../support/command.ts'
import type { Images, UnusualImages, WorkingImages } from '../support/images.ts'
import { digestOf, type Endpoint, getManifest, ociManifestType, send } from '../support/registry-client.ts'
import type { StockedRegistry, Supplies } from './registries.ts'
import { openSite, type Site } from './site.ts'

export type AllImages = Images & UnusualImages & WorkingImages

/** Where one client works: a registry of its own with images in `stock/`, which asks for client certificates or does not. */
export interface Place {
  readonly site: Site
  /** The same registry, whose client presents a certificate. */
  readonly mutual: Site
  /** The registry with everything that gets one in, to look at what the client did. */
  readonly endpoint: Endpoint
  readonly images: AllImages
  /** For files that the cells make. */
  readonly folder: string
  /** `name:port/stock/NAME` */
  stock(name: string): string
  /** `name:port/CLIENT/NAME`: a repository that nobody else writes to. */
  own(name: string): string
  /** What the registry and its access log have said until now. */
  log(): string
}

/** A place for one client, who knows everything it should. */
export async function openPlace(
  supplies: Supplies,
  { registry, mutual, slug }: { registry: StockedRegistry; mutual: StockedRegistry; slug: string },
): Promise<Place> {
  const folder = await mkdtemp(join(supplies.folder, 'place-'))
  const knowledge = { ca: supplies.server.ca, credentials: supplies.credentials }
  const { host, endpoint, log } = registry
  return {
    site: await openSite(folder, host, knowledge),
    mutual: await openSite(folder, mutual.host, { ...knowledge, identity: supplies.alice }),
    endpoint,
    images: supplies.images,
    folder,
    stock: (name) => `${host}/stock/${name}`,
    own: (name) => `${host}/${slug}/${name}`,
    log,
  }
}

export interface Manifest {
  readonly config?: { readonly digest: string; readonly size: number }
  readonly layers?: readonly { readonly digest: string; readonly size: number; readonly mediaType: string }[]
  readonly manifests?: readonly { readonly digest: string; readonly mediaType: string; readonly platform?: { readonly architecture: string } }[]
}

export const ARTIFACT_TYPE = 'application/vnd.example.contents'

export function ok(result: CommandResult): string {
  assert.equal(result.status, 0, `${result.stdout}${result.stderr}`)
  return result.stdout
}

/** The manifest that the registry has under `name:port/REPOSITORY:TAG` (or `@DIGEST`), after a look at all that it names. */
export async function getWhole(place: Place, image: string): Promise<{ manifest: Manifest; type: string; digest: string; size: number }> {
  const { repository, reference } = splitImage(image)
  const answer = await getManifest(place.endpoint, repository, reference)
  assert.equal(answer.status, 200, `${image}: ${answer.status} ${answer.body.toString()}`)
  const manifest = JSON.parse(answer.body.toString()) as Manifest
  for (const { digest } of manifest.manifests ?? []) await getWhole(place, `${place.site.host}/${repository}@${digest}`)
  for (const { digest, size } of [manifest.config, ...(manifest.layers ?? [])].filter((one) => one !== undefined)) {
    const blob = await send(place.endpoint, { method: 'HEAD', path: `/v2/${repository}/blobs/${digest}` })
    assert.deepEqual([blob.status, blob.headers['content-length']], [200, String(size)], `${image}: ${digest}`)
  }
  return { manifest, type: answer.headers['content-type'] ?? '', digest: digestOf(answer.body), size: answer.body.length }
}

/** Fails unless the registry serves all of an image, with a manifest of this type. */
export async function assertServed(place: Place, image: string, type: string): Promise<void> {
  const served = await getWhole(place, image)
  assert.equal(served.type, type, image)
}

export async function assertZstd(place: Place, image: string): Promise<void> {
  const { manifest } = await getWhole(place, image)
  for (const { mediaType } of manifest.layers ?? []) assert.match(mediaType, /\+zstd$/)
}

export async function assertGone(place: Place, image: string): Promise<void> {
  const { repository, reference } = splitImage(image)
  assert.equal((await getManifest(place.endpoint, repository, reference)).status, 404, `${image} is still there`)
}

/** Fails unless the registry has an image, each of whose layers was mounted from another repository and none sent. */
export async function assertMounted(place: Place, image: string): Promise<void> {
  const { manifest } = await getWhole(place, image)
  const path = `/v2/${splitImage(image).repository}/blobs/uploads/`
  const requests = decodeURIComponent(place.log().replaceAll(/%(?![0-9A-F]{2})/gi, '%25'))
    .split('\n')
    .filter((line) => line.includes(path))
  for (const { digest } of manifest.layers ?? []) {
    const about = requests.filter((line) => line.includes(digest))
    assert.ok(
      about.some((line) => line.includes('"POST ') && line.includes(`mount=${digest}`) && line.includes('" 201 ')),
      `${digest} was not mounted\n${about.join('\n')}`,
    )
    assert.ok(!about.some((line) => line.includes('"PUT ')), `${digest} was sent`)
  }
}

/** Fails unless a pulled OCI layout has the bytes of `layout`, and at least a manifest, a configuration and a layer of them. */
export async function assertSameBlobs(pulled: string, layout: string): Promise<void> {
  const [sent, received] = await Promise.all([layout, pulled].map((folder) => readdir(join(folder, 'blobs/sha256'))))
  assert.ok(received !== undefined && received.length >= 3, `${received?.length} blobs`)
  for (const blob of received) assert.ok(sent?.includes(blob), `${pulled} has ${blob}`)
}

export function splitImage(image: string): { repository: string; reference: string } {
  const path = image.slice(image.indexOf('/') + 1)
  const at = path.indexOf('@') >= 0 ? path.indexOf('@') : path.lastIndexOf(':')
  return { repository: path.slice(0, at), reference: path.slice(at + 1) }
}

/** A folder to build in: a file on the registry's image that can run. */
export async function makeContext(place: Place): Promise<string> {
  const context = await mkdtemp(join(place.folder, 'context-'))
  await writeFile(join(context, 'added.txt'), 'added\n')
  await writeFile(join(context, 'Dockerfile'), `FROM ${place.stock('runnable:latest')}\nCOPY added.txt /added.txt\n`)
  return context
}

export interface Artifact {
  readonly manifest: string
  /** The digest of the image that it refers to. */
  readonly subject: string
  /** Its only blob, which is its configuration and its content. */
  readonly blob: { readonly file: string; readonly digest: string }
}

/** The manifest of an artifact about an image, such as a signature or a list of contents. */
export async function makeArtifact(place: Place, image: string): Promise<Artifact> {
  const { type, digest, size } = await getWhole(place, image)
  const blob = { file: join(await mkdtemp(join(place.folder, 'artifact-')), 'empty.json'), digest: digestOf('{}') }
  await writeFile(blob.file, '{}')
  const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: blob.digest, size: 2 }
  const subject = { mediaType: type, digest, size }
  const manifest = { schemaVersion: 2, mediaType: ociManifestType, artifactType: ARTIFACT_TYPE, config: empty, layers: [empty], subject }
  return { manifest: JSON.stringify(manifest), subject: digest, blob }
}
