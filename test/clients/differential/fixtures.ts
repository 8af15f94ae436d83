import { digestOf, dockerListType, dockerManifestType, ociIndexType, ociManifestType } from '../support/registry-client.ts'

export interface Fixture {
  readonly bytes: Buffer
  /** The `Content-Type` it is put with as a manifest. */
  readonly type?: string
}

const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar'
const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
const DOCKER_FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
const NON_DISTRIBUTABLE = 'application/vnd.oci.image.layer.nondistributable.v1.tar'

const blob = (text: string): Fixture => ({ bytes: Buffer.from(text) })
const json = (type: string, value: object): Fixture => ({ type, bytes: Buffer.from(JSON.stringify(value)) })

function descriptor(mediaType: string, of: Fixture, more: object = {}): object {
  return { mediaType, digest: digestOf(of.bytes), size: of.bytes.length, ...more }
}

function image(config: Fixture, layers: readonly object[], more: object = {}): Fixture {
  return json(ociManifestType, { schemaVersion: 2, mediaType: ociManifestType, config: descriptor(CONFIG, config), layers, ...more })
}

function index(type: string, childType: string, children: readonly Fixture[], more: object = {}): Fixture {
  const platform = { os: 'linux', architecture: 'amd64' }
  return json(type, { schemaVersion: 2, mediaType: type, manifests: children.map((child) => descriptor(childType, child, { platform })), ...more })
}

const config = blob('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}')
const layer = blob('a layer of some bytes')
const other = blob('another layer')
const never = blob('a blob that nobody pushes')
const empty = blob('')
const emptyJson = blob('{}')
const half = blob('a layer of ')
const rest = blob('some bytes')

const plain = image(config, [descriptor(LAYER, layer)])
const second = image(config, [descriptor(LAYER, other)])
const bare = json(ociManifestType, { schemaVersion: 2, config: descriptor(CONFIG, config), layers: [] })
const docker = json(dockerManifestType, {
  schemaVersion: 2,
  mediaType: dockerManifestType,
  config: descriptor(DOCKER_CONFIG, config),
  layers: [descriptor(DOCKER_LAYER, layer)],
})
const dockerForeign = json(dockerManifestType, {
  schemaVersion: 2,
  mediaType: dockerManifestType,
  config: descriptor(DOCKER_CONFIG, config),
  layers: [descriptor(DOCKER_FOREIGN, never, { urls: ['https://example.com/layer'] })],
})

/** Bytes by name. `{name}` in a request stands for their digest. */
export const fixtures: Readonly<Record<string, Fixture>> = {
  config,
  layer,
  other,
  never,
  empty,
  emptyJson,
  half,
  rest,
  plain,
  second,
  bare,
  docker,
  dockerForeign,
  unpushed: image(config, [descriptor(LAYER, never)]),
  nothingThere: image(never, [descriptor(LAYER, never), descriptor(LAYER, half)]),
  twice: image(config, [descriptor(LAYER, layer), descriptor(LAYER, layer)]),
  overManifest: image(config, [descriptor(LAYER, plain)]),
  nonDistributable: image(config, [descriptor(NON_DISTRIBUTABLE, never)]),
  withUrls: image(config, [descriptor(LAYER, layer, { urls: ['https://example.com/layer'] })]),
  wrongSize: json(ociManifestType, { schemaVersion: 2, config: descriptor(CONFIG, config), layers: [{ ...descriptor(LAYER, layer), size: 1 }] }),
  signature: image(config, [descriptor(LAYER, layer)], { subject: descriptor(ociManifestType, plain), artifactType: 'application/x-signature' }),
  orphan: image(config, [], { subject: descriptor(ociManifestType, never) }),
  artifact: image(emptyJson, [descriptor('application/x-anything', layer)], { artifactType: 'application/x-artifact' }),
  index: index(ociIndexType, ociManifestType, [plain]),
  both: index(ociIndexType, ociManifestType, [plain, second]),
  ofIndex: index(ociIndexType, ociIndexType, [index(ociIndexType, ociManifestType, [plain])]),
  childless: index(ociIndexType, ociManifestType, []),
  list: index(dockerListType, dockerManifestType, [docker]),
  listOfMissing: index(dockerListType, dockerManifestType, [dockerForeign]),
  schema1: json('application/vnd.docker.distribution.manifest.v1+json', { schemaVersion: 1, name: 'a', tag: 'b', fsLayers: [], history: [] }),
  schema3: json(ociManifestType, { schemaVersion: 3, config: descriptor(CONFIG, config), layers: [] }),
  noConfig: json(ociManifestType, { schemaVersion: 2, layers: [descriptor(LAYER, layer)] }),
  imageAndIndex: json(ociManifestType, { schemaVersion: 2, config: descriptor(CONFIG, config), layers: [], manifests: [] }),
  badDigest: json(ociManifestType, { schemaVersion: 2, config: { mediaType: CONFIG, digest: 'sha256:short', size: 1 }, layers: [] }),
  contradicting: { type: ociManifestType, bytes: docker.bytes },
  unknownType: json('application/x-unknown', { schemaVersion: 2, mediaType: 'application/x-unknown' }),
  notJson: { type: ociManifestType, bytes: Buffer.from('not json') },
  list2: { type: ociManifestType, bytes: Buffer.from('[]') },
  duplicateKeys: { type: ociManifestType, bytes: Buffer.from(plain.bytes.toString().replace('{', '{"schemaVersion":2,')) },
  deep: { type: ociManifestType, bytes: Buffer.from(`${'['.repeat(10_000)}${']'.repeat(10_000)}`) },
  huge: { type: ociManifestType, bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, annotations: { fat: 'x'.repeat(5 << 20) } })) },
}
