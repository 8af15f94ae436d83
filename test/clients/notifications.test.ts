import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Receiver } from '../support/receiver.ts'
import { runOk } from './support/command.ts'
import { digestOf, dockerListType, dockerManifestType, type Endpoint, ociIndexType, ociManifestType, type Question, send } from './support/registry-client.ts'
import { distribution, freePort, plainConfiguration, type RegistryProgram, type RunningServer, underTest } from './support/registry-server.ts'

/** The same requests to docker-registry and to the registry under test, and the envelopes that both send. */
let folder: string
let peer: Told
let ours: Told

/** What a registry told, by request. */
type Told = ReadonlyMap<string, readonly string[]>

const layer = 'a layer'
const config = '{"architecture":"amd64"}'
const descriptor = (mediaType: string, text: string, more: object = {}): object => ({ mediaType, size: text.length, digest: digestOf(text), ...more })
const image = (type: string, configType: string, layerType: string, more: object = {}): string =>
  JSON.stringify({ schemaVersion: 2, mediaType: type, config: descriptor(configType, config), layers: [descriptor(layerType, layer, more)] })
const docker = image(dockerManifestType, 'application/vnd.docker.container.image.v1+json', 'application/vnd.docker.image.rootfs.diff.tar.gzip')
const oci = image(ociManifestType, 'application/vnd.oci.image.config.v1+json', 'application/vnd.oci.image.layer.v1.tar', { annotations: { z: '1', a: '2' } })
const platform = { architecture: 'amd64', os: 'linux' }
const list = JSON.stringify({ schemaVersion: 2, mediaType: dockerListType, manifests: [descriptor(dockerManifestType, docker, { platform })] })
const index = JSON.stringify({ schemaVersion: 2, mediaType: ociIndexType, manifests: [descriptor(ociManifestType, oci, { platform })] })

const question = (line: string, headers: Record<string, string> = {}, body?: string): Question => {
  const [method = '', path = ''] = line.split(' ')
  return { method, path, headers, body }
}
const put = (reference: string, type: string, body: string): Question => question(`PUT /v2/team/app/manifests/${reference}`, { 'Content-Type': type }, body)
const get = (reference: string, accept: string, headers: Record<string, string> = {}): Question =>
  question(`GET /v2/team/app/manifests/${reference}`, { Accept: accept, ...headers })
const blob = `/v2/team/app/blobs/${digestOf(layer)}`

const requests: readonly (readonly [name: string, ...questions: readonly (Question | { readonly upload: string })[]])[] = [
  ['push of a blob', { upload: layer }],
  ['push of a config', { upload: config }],
  ['push of an empty blob', { upload: '' }],
  ['the same blob again', { upload: layer }],
  ['a look at a blob', question(`HEAD ${blob}`)],
  ['a pull of a blob', question(`GET ${blob}`)],
  ['a pull of an empty blob', question(`GET /v2/team/app/blobs/${digestOf('')}`)],
  ['a pull of a part of a blob', question(`GET ${blob}`, { Range: 'bytes=1-3' })],
  ['a pull of a part that is not there', question(`GET ${blob}`, { Range: 'bytes=100-200' })],
  ['a pull of a blob that is known', question(`GET ${blob}`, { 'If-None-Match': `"${digestOf(layer)}"` })],
  ['a pull of an unknown blob', question(`GET /v2/team/app/blobs/${digestOf('nothing')}`)],
  ['a mount', question(`POST /v2/team/other/blobs/uploads/?mount=${digestOf(layer)}&from=team/app`)],
  ['the same mount again', question(`POST /v2/team/other/blobs/uploads/?mount=${digestOf(layer)}&from=team/app`)],
  ['a mount of nothing', question(`POST /v2/team/other/blobs/uploads/?mount=${digestOf('nothing')}&from=team/app`)],
  ['push of a manifest by tag', put('v1', dockerManifestType, docker)],
  ['push of a manifest by digest', put(digestOf(docker), dockerManifestType, docker)],
  ['push of an OCI manifest with annotations', put('oci', ociManifestType, oci)],
  ['push of a manifest list', put('list', dockerListType, list)],
  ['push of an index', put('index', ociIndexType, index)],
  ['push of a bad manifest', put('bad', dockerManifestType, '{}')],
  ['a pull by tag', get('v1', dockerManifestType)],
  ['a pull by digest', get(digestOf(docker), dockerManifestType)],
  ['a look at a manifest', { ...get('v1', dockerManifestType), method: 'HEAD' }],
  ['a pull of a manifest that is known', get('v1', dockerManifestType, { 'If-None-Match': `"${digestOf(docker)}"` })],
  ['a pull of a list', get('list', dockerListType)],
  ['a pull of a list by a client that knows none', get('list', dockerManifestType)],
  ['a pull of an index', get('index', ociIndexType)],
  ['a pull of an OCI manifest by a client that knows none', get('oci', dockerManifestType)],
  ['a pull of an unknown tag', get('nothing', dockerManifestType)],
  [
    'a pull through a proxy',
    get('v1', dockerManifestType, { 'X-Forwarded-For': '10.1.2.3, 10.4.5.6', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'proxy.test' }),
  ],
  ['a pull through a proxy that names itself otherwise', get('v1', dockerManifestType, { 'X-Real-Ip': '10.1.2.3', 'User-Agent': 'a "quoted" <agent>' })],
  ['a pull with a forged address', get('v1', dockerManifestType, { 'X-Forwarded-For': 'nobody', Host: 'other.test' })],
  ['a list of tags', question('GET /v2/team/app/tags/list')],
  ['a deletion of a manifest with its tag', question(`DELETE /v2/team/app/manifests/${digestOf(docker)}`)],
  ['the same deletion again', question(`DELETE /v2/team/app/manifests/${digestOf(docker)}`)],
  ['a deletion of a blob', question(`DELETE ${blob}`)],
  ['the same deletion of a blob again', question(`DELETE ${blob}`)],
]

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-notifications-'))
  peer = await playTo(distribution, 'peer')
  ours = await playTo(underTest, 'ours')
})

after(() => rm(folder, { recursive: true, force: true }))

for (const [name] of requests) {
  test(`${name}: the envelopes are those of docker-registry, to the letter`, () => assert.deepEqual(ours.get(name), peer.get(name)))
}

test('most requests are told of', () => {
  const told = [...peer.values()].filter((envelopes) => envelopes.length > 0).length
  assert.ok(told > 25, `${told} requests`)
})

/** Each request, and then a mark, so that it is known what was told of it. */
async function playTo(program: RegistryProgram, name: string): Promise<Told> {
  await using receiver = await Receiver.start()
  const server = await start(program, name, receiver)
  const told = new Map<string, string[]>()
  try {
    for (const [place, [request, ...questions]] of requests.entries()) {
      const first = receiver.received.length
      for (const asked of questions) await ('upload' in asked ? upload(server.endpoint, 'team/app', asked.upload) : send(server.endpoint, asked))
      await upload(server.endpoint, 'mark', `mark ${place}`)
      await receiver.until(() => receiver.received.slice(first).some(({ body }) => body.includes(digestOf(`mark ${place}`))))
      const texts = receiver.received
        .slice(first)
        .map(({ request: { headers }, body }) => `${headers['content-type']} ${headers['x-token']}\n${normalise(body, server)}`)
      told.set(
        request,
        texts.filter((text) => !text.includes(digestOf(`mark ${place}`))),
      )
    }
  } finally {
    await server.stop()
  }
  return told
}

async function start(program: RegistryProgram, name: string, receiver: Receiver): Promise<RunningServer> {
  const own = join(folder, name)
  const port = await freePort('127.0.0.1')
  const configuration = `${plainConfiguration(`127.0.0.1:${port}`, join(own, 'data'))}
auth: {htpasswd: {realm: test, path: ${folder}/htpasswd}}
notifications:
  events: {includereferences: true}
  endpoints: [{name: all, url: "${receiver.url}", headers: {X-Token: [secret]}, timeout: 10s, threshold: 5, backoff: 1s}]
`
  await runOk('htpasswd', ['-Bbc', join(folder, 'htpasswd'), 'alice', 'secret'])
  return program.start({ configuration, folder: own, endpoint: { url: `http://127.0.0.1:${port}`, user: 'alice', password: 'secret' } })
}

async function upload(endpoint: Endpoint, repository: string, body: string): Promise<void> {
  const started = await send(endpoint, { method: 'POST', path: `/v2/${repository}/blobs/uploads/` })
  const location = String(started.headers.location)
  const headers = { 'Content-Type': 'application/octet-stream' }
  const { status } = await send(endpoint, { method: 'PUT', path: `${location}${location.includes('?') ? '&' : '?'}digest=${digestOf(body)}`, headers, body })
  assert.equal(status, 201)
}

/** Without what differs from run to run: ids, times, ports. Go writes some characters of a text in another way that means the same. */
function normalise(body: string, { endpoint }: RunningServer): string {
  const { port } = new URL(endpoint.url)
  return body
    .replaceAll(/"(id|instanceID)": "[0-9a-f-]{36}"/g, '"$1": "ID"')
    .replaceAll(/"timestamp": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"/g, '"timestamp": "TIME"')
    .replaceAll(`:${port}`, ':PORT')
    .replaceAll(/"addr": "127\.0\.0\.1:\d+"/g, '"addr": "127.0.0.1:CLIENT"')
    .replaceAll(/\\u003[ce]/g, (sequence) => JSON.parse(`"${sequence}"`) as string)
}
