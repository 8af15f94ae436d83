import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { deleteBlob, deleteManifest, digestOf, type Endpoint, mountBlob, ociManifestType, pushBlob, pushManifest } from './support/registry-client.ts'
import { distribution, freePort, plainConfiguration, type RegistryProgram, type RunningServer, underTest } from './support/registry-server.ts'
import { readServed, type Served, withoutCollected } from './support/served.ts'
import { type Image, imageOf, type Ledger, note, openLedger, pushImage, pushIndex } from './support/turn-images.ts'

const ROUNDS = 10
const AGAIN = imageOf('again', digestOf)
const SHARED = digestOf(AGAIN.layers[0] ?? '')

let folder: string
let configuration: string
let endpoint: Endpoint

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-turns-'))
  const port = await freePort('127.0.0.1')
  endpoint = { url: `http://127.0.0.1:${port}` }
  configuration = plainConfiguration(`127.0.0.1:${port}`, join(folder, 'data'))
})

after(() => rm(folder, { recursive: true, force: true }))

function start(program: RegistryProgram): Promise<RunningServer> {
  return program.start({ configuration, folder, endpoint })
}

test(`docker-registry and ${underTest.name} take turns on one volume, and each serves what the other served`, async () => {
  const ledger = openLedger()
  let last: Served | undefined
  for (let turn = 0; turn < 2 * ROUNDS; turn++) last = await takeTurn(turn, ledger, last)
})

test('what lacre takes with sha512 is served by docker-registry', { skip: underTest === distribution }, async () => {
  const image = imageOf('sha512', (bytes) => digestOf(bytes, 'sha512'))
  const ledger = openLedger()
  const lacre = await start(underTest)
  for (const bytes of [image.config, ...image.layers]) note(ledger.blobs, 'team/long', await pushBlob(endpoint, 'team/long', bytes, 'sha512'))
  note(ledger.manifests, 'team/long', await pushManifest(endpoint, 'team/long', 'latest', image.manifest))
  const served = await readServed(endpoint, ledger)
  await lacre.stop()

  const peer = await start(distribution)
  const servedByPeer = await readServed(endpoint, ledger).finally(() => peer.stop())
  assert.deepEqual(servedByPeer, served)
})

/** One turn: a program serves what the other left, collects, still serves it, changes things, and we note what it serves. */
async function takeTurn(turn: number, ledger: Ledger, last: Served | undefined): Promise<Served> {
  const program = turn % 2 === 0 ? distribution : underTest
  const server = await start(program)
  try {
    if (last) assert.deepEqual(await readServed(endpoint, ledger), last)
    if (last) await collect(program, ledger, last)
    await change(program, turn, ledger)
    return await readServed(endpoint, ledger)
  } catch (cause) {
    throw new Error(`turn ${turn}, of ${program.name}\n${server.output().slice(-2000)}`, { cause })
  } finally {
    await server.stop()
  }
}

async function collect(program: RegistryProgram, ledger: Ledger, served: Served): Promise<void> {
  const collection = await program.collectGarbage(join(folder, 'config.yml'))
  assert.equal(collection.status, 0, collection.stdout + collection.stderr)
  const left = await readServed(endpoint, ledger)
  assert.deepEqual(left, await withoutCollected(endpoint, ledger, served, left), 'a collection takes only what nobody needs')
}

async function change(program: RegistryProgram, turn: number, ledger: Ledger): Promise<void> {
  const image = imageOf(`turn-${turn}`, digestOf)
  const digest = await pushImage(endpoint, ledger, 'team/app', `turn-${turn}`, image)
  await pushImage(endpoint, ledger, 'team/app', 'latest', image)
  await pushImage(endpoint, ledger, 'team/app', 'back', imageOf(turn % 4 < 2 ? 'to' : 'fro', digestOf))
  const again = await pushImage(endpoint, ledger, 'team/app', 'again', AGAIN)
  const children = [again, digest].map((child, i) => ({ digest: child, size: (i === 0 ? AGAIN : image).manifest.length }))
  await pushIndex(endpoint, ledger, 'team/app', 'multi', children)
  await deleteWhatTheOtherPushed(program, turn)
  await deleteAndPushAgain(ledger)
  await mountElsewhere(ledger, image)
}

/** A manifest by its digest, with the tag that names it; and a tag alone, by the one program that can. */
async function deleteWhatTheOtherPushed(program: RegistryProgram, turn: number): Promise<void> {
  if (turn < 3 || turn % 3 === 0) return
  await deleteManifest(endpoint, 'team/app', digestOf(imageOf(`turn-${turn - 3}`, digestOf).manifest))
  if (program !== distribution) await deleteManifest(endpoint, 'team/app', `turn-${turn - 1}`)
}

/** A manifest and a blob, gone and back within one turn: by digest, by tag and with the same bytes. */
async function deleteAndPushAgain(ledger: Ledger): Promise<void> {
  const digest = await pushImage(endpoint, ledger, 'team/again', 'again', AGAIN)
  await deleteManifest(endpoint, 'team/again', digest)
  await deleteBlob(endpoint, 'team/again', digestOf(AGAIN.config))
  await pushImage(endpoint, ledger, 'team/again', 'again', AGAIN)
}

async function mountElsewhere(ledger: Ledger, image: Image): Promise<void> {
  const config = digestOf(image.config)
  for (const digest of [config, SHARED, digestOf(image.layers[1] ?? '')]) {
    assert.equal(await mountBlob(endpoint, 'team-mounts', digest, 'team/app'), 201)
    note(ledger.blobs, 'team-mounts', digest)
  }
  note(ledger.manifests, 'team-mounts', await pushManifest(endpoint, 'team-mounts', 'mounted', image.manifest, ociManifestType))
}
