import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { deleteManifest, digestOf, type Endpoint } from './support/registry-client.ts'
import { distribution, freePort, plainConfiguration, type RegistryProgram, underTest } from './support/registry-server.ts'
import { readServed, type Served } from './support/served.ts'
import { imageOf, openLedger, pushImage, pushIndex } from './support/turn-images.ts'

/** Collections of volumes on which everything is older than any grace. */
const DAY_MS = 24 * 60 * 60 * 1000
const REPOSITORY = 'team/app'
const images = { kept: imageOf('kept', digestOf), child: imageOf('child', digestOf), deleted: imageOf('deleted', digestOf), old: imageOf('old', digestOf) }

let folder: string
let configuration: string
let endpoint: Endpoint

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-collection-'))
  const port = await freePort('127.0.0.1')
  endpoint = { url: `http://127.0.0.1:${port}` }
  configuration = plainConfiguration(`127.0.0.1:${port}`, join(folder, 'data'))
})

after(() => rm(folder, { recursive: true, force: true }))

/** Two images and an index under tags, one image without a tag, one deleted. */
async function fill(program: RegistryProgram): Promise<void> {
  await rm(join(folder, 'data'), { recursive: true, force: true })
  await serving(program, async () => {
    const ledger = openLedger()
    const child = await pushImage(endpoint, ledger, REPOSITORY, digestOf(images.child.manifest), images.child)
    await pushIndex(endpoint, ledger, REPOSITORY, 'index', [{ digest: child, size: images.child.manifest.length }])
    await pushImage(endpoint, ledger, REPOSITORY, 'moving', images.old)
    await pushImage(endpoint, ledger, REPOSITORY, 'moving', images.kept)
    await deleteManifest(endpoint, REPOSITORY, await pushImage(endpoint, ledger, REPOSITORY, 'deleted', images.deleted))
  })
  for (const entry of await readdir(folder, { recursive: true })) await utimes(join(folder, entry), new Date(), new Date(Date.now() - 3 * DAY_MS))
}

async function serving<T>(program: RegistryProgram, act: () => Promise<T>): Promise<T> {
  const server = await program.start({ configuration, folder, endpoint })
  return act().finally(() => server.stop())
}

function servedBy(program: RegistryProgram): Promise<Served> {
  const manifests = Object.values(images).map(({ manifest }) => digestOf(manifest))
  const blobs = Object.values(images).flatMap(({ config, layers }) => [config, ...layers].map((bytes) => digestOf(bytes)))
  const ledger = { manifests: new Map([[REPOSITORY, new Set(manifests)]]), blobs: new Map([[REPOSITORY, new Set(blobs)]]) }
  return serving(program, () => readServed(endpoint, ledger))
}

async function bytesOnVolume(): Promise<Set<string>> {
  const paths = await readdir(join(folder, 'data/docker/registry/v2/blobs'), { recursive: true })
  return new Set(paths.flatMap((path) => /^(sha256)\/..\/(.{64})\/data$/.exec(path)?.slice(1).join(':') ?? []))
}

for (const [flags, gone] of [
  [[], ['deleted']],
  [['-m'], ['deleted', 'old']],
] as const) {
  test(`${underTest.name} collects ${gone.join(' and ')} with "garbage-collect ${flags.join(' ')}", and nothing else`, {
    skip: underTest === distribution && flags.length > 0 && 'it takes the children of an index',
  }, async () => {
    await fill(distribution)
    const before = await servedBy(distribution)
    const collection = await underTest.collectGarbage(join(folder, 'config.yml'), flags)
    assert.equal(collection.status, 0, collection.stdout + collection.stderr)

    const volume = await bytesOnVolume()
    for (const [name, { config, layers, manifest }] of Object.entries(images)) {
      const isGone = (gone as readonly string[]).includes(name)
      for (const bytes of [config, layers[1] ?? '', manifest]) assert.equal(volume.has(digestOf(bytes)), !isGone, `${name}: ${digestOf(bytes)}`)
    }
    const left = await servedBy(distribution)
    assert.deepEqual(left, withoutImages(before, gone), 'what is left is served by docker-registry')
    assert.deepEqual(await servedBy(underTest), left)
  })
}

test(`"garbage-collect -d" says what would go, and takes nothing`, async () => {
  await fill(distribution)
  const before = await bytesOnVolume()
  const { status, stdout, stderr } = await underTest.collectGarbage(join(folder, 'config.yml'), ['-d'])
  assert.equal(status, 0, stderr)
  assert.match(stdout, new RegExp(digestOf(images.deleted.config)))
  assert.deepEqual(await bytesOnVolume(), before)
})

function withoutImages(served: Served, gone: readonly string[]): Served {
  const left = { ...served }
  for (const name of gone as readonly (keyof typeof images)[]) {
    const { config, layers, manifest } = images[name]
    left[`${REPOSITORY}@${digestOf(manifest)}`] = 'not served'
    for (const bytes of [config, layers[1] ?? '']) left[`${REPOSITORY} blob ${digestOf(bytes)}`] = 'not served'
  }
  return left
}
