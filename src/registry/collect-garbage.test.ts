import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { filesBelow, flipByte, writeFile } from '../../test/support/edit-volume.ts'
import { imageOf } from '../../test/support/images.ts'
import { intercepted } from '../../test/support/intercepted.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { openOn } from '../../test/support/on-driver.ts'
import { artifactOf, indexOf, pull, pushBlob, pushImage, pushManifest, readBlob, repo } from '../../test/support/push.ts'
import { digestOf } from '../oci/digest.ts'
import { parseTag } from '../oci/reference.ts'
import { BLOBS, blobData, layerLink, revisionLink, tagCurrentLink } from '../volume/layout.ts'
import { MemoryDriver } from '../volume/memory.ts'
import { deleteBlob, getBlob, mountBlob } from './blobs.ts'
import { type Collected, type CollectionOptions, collectGarbage } from './collect-garbage.ts'
import { deleteManifest } from './manifests.ts'
import type { Registry } from './registry.ts'
import { deleteTag } from './tags.ts'

const HOUR = 3_600_000
const app = repo('team/app')
const image = imageOf('first')
const other = imageOf('second')
const hello = digestOf('hello')

async function open(clock = new ManualClock()) {
  const driver = new MemoryDriver(clock.now)
  return { clock, driver, registry: await openOn(driver, { clock }) }
}

async function collect(registry: Registry, options: Partial<CollectionOptions> = {}): Promise<Collected[]> {
  const items: Collected[] = []
  await collectGarbage(registry, { graceMs: 0, isServing: false, ...options, onCollected: (item) => items.push(item) })
  return items
}

const kinds = (items: readonly Collected[]): string[] => items.map(({ kind }) => kind).toSorted()

test('a manifest that is there keeps all that it names, whether it has a tag or not', async () => {
  const { registry } = await open()
  await pushImage(registry, 'team/app', image)
  assert.deepEqual(await collect(registry), [])
})

test('what a deleted manifest leaves goes: links of its repository, then bytes that nobody else has', async () => {
  const { registry, driver } = await open()
  const shared = Buffer.from('shared')
  const [one, two] = [imageOf('one', [shared, Buffer.from('only one')]), imageOf('two', [shared])]
  await pushImage(registry, 'team/app', one, 'one')
  await pushImage(registry, 'elsewhere', two, 'two')
  await deleteManifest(registry, app, one.digest)
  const summary = await collectGarbage(registry, { graceMs: 0, isServing: false })
  const bytes = [one.manifest, one.blobs[0], Buffer.from('only one')].reduce((sum, blob) => sum + (blob?.byteLength ?? 0), 0)
  assert.deepEqual(summary, { manifests: 0, layers: 3, blobs: 3, bytes })
  assert.deepEqual(await readBlob(registry, 'elsewhere', digestOf(shared)), shared)
  assert.equal((await filesBelow(driver, BLOBS)).length, 3)
})

test('offline, what nothing uses goes when its link is older than the grace', async () => {
  const { registry, clock } = await open()
  await pushBlob(registry, 'team/app', 'hello')
  clock.advance(HOUR - 1)
  assert.deepEqual(await collect(registry, { graceMs: HOUR }), [])
  clock.advance(1)
  assert.deepEqual(kinds(await collect(registry, { graceMs: HOUR })), ['blob', 'layer'])
})

test('a link from the future counts from now: it neither goes at once nor stays for ever', async () => {
  const { registry, driver, clock } = await open()
  await pushBlob(registry, 'team/app', 'hello')
  await driver.touch(layerLink(app, hello), clock.now() + 1000 * HOUR)
  assert.deepEqual(await collect(registry, { graceMs: HOUR }), [])
  assert.deepEqual(kinds(await collect(registry, { graceMs: 0 })), ['blob', 'layer'])
})

test('while serving, grace runs from the first sight in this process, whatever the date says', async () => {
  const { registry, clock } = await open()
  await pushBlob(registry, 'team/app', 'hello')
  clock.setDate(clock.now() + 1000 * HOUR)
  assert.deepEqual(await collect(registry, { graceMs: HOUR, isServing: true }), [])
  clock.advance(HOUR)
  assert.deepEqual(kinds(await collect(registry, { graceMs: HOUR, isServing: true })), ['blob', 'layer'])
})

for (const [what, ask] of [
  ['asks for it', (registry: Registry) => getBlob(registry, app, hello)],
  ['pushes it again', (registry: Registry) => pushBlob(registry, 'team/app', 'hello')],
  ['mounts it onto itself', (registry: Registry) => mountBlob(registry, app, hello, app)],
] as const) {
  test(`while serving, a client that ${what} begins its grace anew`, async () => {
    const { registry, clock } = await open()
    await pushBlob(registry, 'team/app', 'hello')
    await collect(registry, { graceMs: HOUR, isServing: true })
    clock.advance(HOUR - 1)
    await ask(registry)
    clock.advance(HOUR - 1)
    assert.deepEqual(await collect(registry, { graceMs: HOUR, isServing: true }), [])
    clock.advance(2)
    assert.deepEqual(kinds(await collect(registry, { graceMs: HOUR, isServing: true })), ['blob', 'layer'])
  })
}

test('without a tag goes on demand: not what a tagged index holds, nor what refers to a living subject', async () => {
  const { registry } = await open()
  await pushBlob(registry, 'team/app', '{}')
  await pushImage(registry, 'team/app', image)
  await pushImage(registry, 'team/app', other)
  const index = await pushManifest(registry, 'team/app', indexOf(image), 'multi')
  const signature = await pushManifest(registry, 'team/app', artifactOf('signature', image.digest))
  const ofSignature = await pushManifest(registry, 'team/app', artifactOf('countersignature', signature))
  const ofNothing = await pushManifest(registry, 'team/app', artifactOf('sbom', digestOf('never pushed')))
  const items = await collect(registry, { deleteUntagged: true })
  const gone = items.filter(({ kind }) => kind === 'manifest').map((item) => 'digest' in item && item.digest)
  assert.deepEqual(gone.toSorted(), [other.digest, ofNothing].toSorted())
  for (const kept of [index, image.digest, signature, ofSignature]) await pull(registry, 'team/app', kept)
  await deleteTag(registry, app, parseTag('multi'))
  assert.equal((await collect(registry, { deleteUntagged: true })).filter(({ kind }) => kind === 'manifest').length, 4)
  assert.equal((await collect(registry, { deleteUntagged: true })).length, 0)
})

test('manifests without a tag have their grace, too', async () => {
  const { registry, clock } = await open()
  await pushImage(registry, 'team/app', image)
  clock.advance(HOUR - 1)
  assert.deepEqual(await collect(registry, { graceMs: HOUR, deleteUntagged: true }), [])
  clock.advance(1)
  assert.deepEqual(kinds(await collect(registry, { graceMs: HOUR, deleteUntagged: true })), ['blob', 'blob', 'blob', 'layer', 'layer', 'manifest'])
})

test('a repository with a manifest that cannot be read is kept as it is, and said; others are collected', async () => {
  const { registry, driver } = await open()
  await pushImage(registry, 'team/app', image, 'latest')
  await pushBlob(registry, 'team/app', 'unused here')
  await pushBlob(registry, 'elsewhere', 'hello')
  await flipByte(driver, blobData(image.digest))
  const items = await collect(await openOn(driver))
  assert.deepEqual(kinds(items), ['blob', 'kept', 'layer'])
  assert.ok(items.some((item) => item.kind === 'kept' && item.repository === 'team/app'))
  assert.equal((await readBlob(registry, 'team/app', digestOf('unused here'))).toString(), 'unused here')
})

test('a manifest that an old registry linked as a layer keeps its repository', async () => {
  const { registry: first, driver } = await open()
  await pushImage(first, 'team/app', image, 'latest')
  await driver.removeFile(revisionLink(app, image.digest))
  await writeFile(driver, layerLink(app, image.digest), image.digest)
  const registry = await openOn(driver)
  assert.deepEqual(kinds(await collect(registry)), ['kept'])
  assert.equal(await pull(registry, 'team/app', 'latest'), image.digest)
  for (const blob of image.blobs) assert.deepEqual(await readBlob(registry, 'team/app', digestOf(blob)), blob)
})

test('bytes that no link names go, and so do folders without bytes', async () => {
  const { registry, driver } = await open()
  await writeFile(driver, blobData(hello), 'hello')
  await driver.makeFolder(blobData(digestOf('no bytes')).replace(/\/data$/, ''))
  assert.deepEqual(kinds(await collect(registry)), ['blob', 'blob'])
  assert.deepEqual(await filesBelow(driver, BLOBS), [])
})

test('a mounted blob outlives its source', async () => {
  const { registry } = await open()
  await pushImage(registry, 'team/app', image, 'latest')
  for (const blob of image.blobs) await mountBlob(registry, repo('other'), digestOf(blob), app)
  await pushManifest(registry, 'other', image.manifest, 'latest')
  await deleteManifest(registry, app, image.digest)
  await collect(registry)
  for (const blob of image.blobs) assert.deepEqual(await readBlob(registry, 'other', digestOf(blob)), blob)
})

test('a layer deleted under a living manifest keeps its bytes, which heal it when it is linked again', async () => {
  const { registry } = await open()
  await pushImage(registry, 'team/app', image, 'latest')
  const layer = digestOf(image.blobs[1] ?? '')
  await mountBlob(registry, repo('other'), layer, app)
  await deleteBlob(registry, app, layer)
  await deleteBlob(registry, repo('other'), layer)
  await collect(registry)
  assert.equal(await registry.blobs.findSize(layer), image.blobs[1]?.byteLength)
})

const picks = fc.array(
  fc.record({ repository: fc.constantFrom('a', 'a/b'), image: fc.nat(2), kind: fc.constantFrom('tagged', 'untagged', 'as a blob', 'index', 'untagged index') }),
  { minLength: 1, maxLength: 8 },
)

const pick = (image: number, kind: 'as a blob' | 'tagged') => ({ repository: 'a' as const, image, kind })

test('a dry run tells what the real one then does, and removes nothing', async () => {
  const property = fc.asyncProperty(picks, fc.boolean(), async (pushed, deleteUntagged) => {
    const { registry, driver, clock } = await open()
    const pool = [image, other, imageOf('third', [image.manifest])]
    for (const { repository, image: number, kind } of pushed) {
      const chosen = pool[number] ?? image
      if (kind === 'as a blob') await pushBlob(registry, repository, chosen.manifest)
      else await pushImage(registry, repository, chosen, ...(kind === 'tagged' ? ['latest'] : []))
      if (kind.endsWith('index')) await pushManifest(registry, repository, indexOf(chosen), ...(kind === 'index' ? ['multi'] : []))
      clock.advance(HOUR)
    }
    const options = { deleteUntagged, graceMs: 3 * HOUR }
    const before = await filesBelow(driver, '')
    const told = await collect(registry, { ...options, dryRun: true })
    assert.deepEqual(await filesBelow(driver, ''), before)
    assert.deepEqual(await collect(registry, options), told)
  })
  await fc.assert(property, {
    numRuns: 40,
    examples: [[[pick(0, 'as a blob'), pick(0, 'tagged'), pick(1, 'tagged'), pick(1, 'tagged')], false]], // its link as a blob goes, its bytes stay
  })
})

test('once nothing may be written, nothing is removed, not even in a collection under way', async () => {
  const { driver } = await open()
  const lost = { registry: undefined as Registry | undefined }
  const registry = await openOn(
    intercepted(driver, async (operation, proceed) => {
      if (operation.name === 'list' && operation.path === BLOBS && lost.registry) lost.registry.standing.refusal = 'the lock was lost'
      return await proceed()
    }),
  )
  await writeFile(driver, blobData(hello), 'hello')
  lost.registry = registry
  await assert.rejects(collect(registry), { code: 'UNAVAILABLE' })
  assert.equal((await driver.stat(blobData(hello)))?.size, 5)
})

test('rows that start anew in mid-collection end it: what they say is not whole', async () => {
  const { driver } = await open()
  const renewed = { registry: undefined as Registry | undefined }
  const registry = await openOn(
    intercepted(driver, async (operation, proceed) => {
      if (operation.name === 'list' && operation.path === BLOBS && renewed.registry) renewed.registry.rows.generation++
      return await proceed()
    }),
  )
  await writeFile(driver, blobData(hello), 'hello')
  renewed.registry = registry
  assert.deepEqual(await collect(registry), [])
  assert.equal((await driver.stat(blobData(hello)))?.size, 5)
})

test('an empty revision link, as a crashed registry:2 leaves it, keeps the bytes of its repository', async () => {
  const { registry: first, driver } = await open()
  await pushImage(first, 'team/app', image, 'latest')
  await writeFile(driver, revisionLink(app, image.digest), '')
  const registry = await openOn(driver)
  assert.deepEqual(kinds(await collect(registry, { deleteUntagged: true })), ['kept'])
  await pushManifest(registry, 'team/app', image.manifest, 'latest')
  for (const blob of image.blobs) assert.deepEqual(await readBlob(registry, 'team/app', digestOf(blob)), blob)
  assert.deepEqual(await collect(registry, { deleteUntagged: true }), [])
})

test('an empty link of a tag keeps manifests that it may have stood for', async () => {
  const { registry: first, driver } = await open()
  await pushImage(first, 'team/app', image, 'latest')
  await writeFile(driver, tagCurrentLink(app, parseTag('latest')), '')
  const registry = await openOn(driver)
  assert.deepEqual(kinds(await collect(registry, { deleteUntagged: true })), ['kept'])
  await pushManifest(registry, 'team/app', image.manifest, 'latest')
  assert.deepEqual(await collect(registry, { deleteUntagged: true }), [])
})
