import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { filesBelow, flipByte, truncate, writeFile } from '../../test/support/edit-volume.ts'
import { imageOf } from '../../test/support/images.ts'
import { intercepted } from '../../test/support/intercepted.ts'
import { emptyIndex, openOn } from '../../test/support/on-driver.ts'
import { artifactOf, indexOf, pull, pushBlob, pushImage, pushManifest, repo } from '../../test/support/push.ts'
import { rowsOf } from '../../test/support/verify.ts'
import { digestOf } from '../oci/digest.ts'
import { OciError } from '../oci/error.ts'
import { parseTag } from '../oci/reference.ts'
import { tagCurrentLink, tagFolder, tagHistoryLink } from '../volume/layout.ts'
import { MemoryDriver, systemError } from '../volume/memory.ts'
import { deleteBlob, mountBlob } from './blobs.ts'
import { checkVolume } from './check.ts'
import { collectGarbage } from './collect-garbage.ts'
import { deleteManifest } from './manifests.ts'
import type { Registry } from './registry.ts'
import { reindex } from './reindex.ts'
import { settleAll } from './settle.ts'
import { deleteTag, listTags } from './tags.ts'

const app = repo('team/app')
const image = imageOf('first')
const other = imageOf('second')

/** What a registry that has never seen this volume makes of it. */
async function rebuiltRows(driver: MemoryDriver): Promise<string[]> {
  const registry = await openOn(driver)
  await settleAll(registry)
  return rowsOf(registry)
}

const images = [image, other, imageOf('third', [Buffer.from('shared layer')]), imageOf('fourth', [Buffer.from('shared layer')])]
const repositories = ['a', 'a/b', 'a-b']
const step = fc.record({
  kind: fc.constantFrom('push', 'push', 'push', 'index', 'artifact', 'delete tag', 'delete manifest', 'delete blob', 'mount', 'collect', 'sha512'),
  repository: fc.constantFrom(...repositories),
  from: fc.constantFrom(...repositories),
  image: fc.nat(images.length - 1),
  tag: fc.constantFrom('latest', '1.0', 'old'),
})

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

async function take(registry: Registry, { kind, repository, from, image: number, tag }: Step): Promise<unknown> {
  const chosen = images[number] ?? image
  const name = repo(repository)
  const layer = digestOf(chosen.blobs[1] ?? '')
  switch (kind) {
    case 'push':
      return pushImage(registry, repository, chosen, tag)
    case 'index':
      await pushImage(registry, repository, chosen)
      return pushManifest(registry, repository, indexOf(chosen), tag)
    case 'artifact':
      await pushBlob(registry, repository, '{}')
      return pushManifest(registry, repository, artifactOf('sbom', chosen.digest))
    case 'sha512':
      return pushBlob(registry, repository, chosen.manifest, 'sha512')
    case 'delete tag':
      return deleteTag(registry, name, parseTag(tag))
    case 'delete manifest':
      return deleteManifest(registry, name, chosen.digest)
    case 'delete blob':
      return deleteBlob(registry, name, layer)
    case 'mount':
      return mountBlob(registry, name, layer, repo(from))
    case 'collect':
      return collectGarbage(registry, { graceMs: 0, isServing: false, deleteUntagged: tag === 'old' })
  }
}

/** A refusal is an answer: a collection without grace may take a blob from under a push. */
function unlessDefect(error: unknown): void {
  if (!(error instanceof OciError)) throw error
}

test('rows kept while serving equal rows rebuilt from the volume, whatever was done, one by one or at once', async () => {
  const property = fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 10 }), async (rounds) => {
    const driver = new MemoryDriver()
    const registry = await openOn(driver)
    for (const round of rounds) await Promise.all(round.map((one) => take(registry, one).catch(unlessDefect)))
    assert.deepEqual(rowsOf(registry), await rebuiltRows(driver))
    assert.equal(registry.locks.digest.size + registry.locks.repository.size, 0)
  })
  await fc.assert(property, { numRuns: 40 })
})

const harms = [
  (driver: MemoryDriver, path: string) => driver.removeFile(path),
  (driver: MemoryDriver, path: string) => writeFile(driver, path, ''),
  flipByte,
  truncate,
]

test('whatever files were damaged, pushing again heals it, and rows of the time before become those of a new index', async () => {
  const damage = fc.array(fc.record({ file: fc.nat(), harm: fc.nat(harms.length - 1) }), { minLength: 1, maxLength: 6 })
  const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), damage, async (before, damages) => {
    const driver = new MemoryDriver()
    const index = emptyIndex()
    const first = await openOn(driver, { index: () => index })
    for (const one of before) await take(first, one).catch(unlessDefect)
    const files = await filesBelow(driver, 'docker')
    for (const { file, harm } of damages) if (files.length > 0) await harms[harm]?.(driver, files[file % files.length] ?? '')

    const registry = await openOn(driver, { index: () => index })
    await settleAll(registry)
    await checkVolume(registry, { bytes: true, onFinding: () => undefined })
    for (const repository of repositories) for (const pushed of images) await pushImage(registry, repository, pushed, 'latest', pushed.digest.slice(7, 20))
    for (const repository of repositories) for (const { digest } of images) assert.equal(await pull(registry, repository, digest.slice(7, 20)), digest)
    const left: string[] = []
    await checkVolume(registry, { bytes: true, onFinding: ({ kind, path }) => void left.push(`${kind} ${path}`) })
    if (left.length === 0) assert.deepEqual(rowsOf(registry), await rebuiltRows(driver))
  })
  await fc.assert(property, { numRuns: 30 })
})

test('rows of another time are made equal to the volume', async () => {
  const driver = new MemoryDriver()
  const index = emptyIndex()
  const first = await openOn(driver, { index: () => index })
  await pushImage(first, 'team/app', image, 'a', 'b')
  await pushImage(first, 'gone', image, 'a')
  const second = await openOn(driver)
  await deleteTag(second, app, parseTag('a'))
  await pushImage(second, 'team/app', other, 'b')
  await pushImage(second, 'new', other, 'c')
  await deleteManifest(second, repo('gone'), image.digest)
  const third = await openOn(driver, { index: () => index })
  await settleAll(third)
  assert.deepEqual(rowsOf(third), await rebuiltRows(driver))
})

test('a tag folder without a link is no tag; pushed to, it becomes one and keeps its history', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushImage(registry, 'team/app', image)
  await pushImage(registry, 'team/app', other)
  const latest = parseTag('latest')
  await driver.makeFolder(tagFolder(app, parseTag('bare')))
  await writeFile(driver, tagHistoryLink(app, latest, image.digest), image.digest)
  const second = await openOn(driver)
  assert.deepEqual((await listTags(second, app, {})).tags, [])
  await pushManifest(second, 'team/app', other.manifest, 'latest', 'bare')
  assert.equal(await pull(second, 'team/app', 'latest'), other.digest)
  assert.deepEqual((await listTags(second, app, {})).tags, ['bare', 'latest'])
  assert.deepEqual(rowsOf(second), await rebuiltRows(driver))
  await deleteTag(second, app, latest)
  assert.deepEqual(rowsOf(second), await rebuiltRows(driver))
})

test('after a commit that failed half-way, rows are compared with the volume again and what is there is made durable', async () => {
  const driver = new MemoryDriver()
  let synced = 0
  let isBroken = false
  const faulty = intercepted(driver, async (operation, proceed) => {
    if (operation.name === 'syncAll') synced++
    if (isBroken && operation.name === 'syncFolder' && operation.path.includes('/tags')) throw systemError('EIO', 'fsync', operation.path)
    return await proceed()
  })
  const registry = await openOn(faulty)
  await pushImage(registry, 'team/app', image)
  isBroken = true
  await assert.rejects(pushManifest(registry, 'team/app', image.manifest, 'latest'), { code: 'EIO' })
  assert.deepEqual([...registry.settlement.failed], ['team/app'])
  isBroken = false
  const before = synced
  assert.deepEqual((await listTags(registry, app, {})).tags, ['latest'])
  assert.deepEqual([registry.settlement.failed.size, synced - before], [0, 1])
  assert.deepEqual(rowsOf(registry), await rebuiltRows(driver))
})

test('settling reports how far it is, and names what cannot be read', async () => {
  const driver = new MemoryDriver()
  const first = await openOn(driver)
  await pushImage(first, 'team/app', image)
  await pushImage(first, 'other', image)
  const faulty = intercepted(driver, async (operation, proceed) => {
    if (operation.name === 'list' && operation.path.includes('/team/app/_layers/')) throw systemError('EIO', 'scandir', operation.path)
    return await proceed()
  })
  const events: { kind: string; repository?: string }[] = []
  const registry = await openOn(faulty, { events: events as never })
  await settleAll(registry)
  assert.deepEqual(
    events.map(({ kind, repository }) => repository ?? kind),
    ['team/app', 'settling'],
  )
  assert.equal(await pull(registry, 'team/app', image.digest), image.digest)
  await assert.rejects(collectGarbage(registry, { graceMs: 0, isServing: false }))
})

test('reindex sees what was edited by hand', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushImage(registry, 'team/app', image, 'latest')
  await pushImage(registry, 'team/app', other)
  await writeFile(driver, tagCurrentLink(app, parseTag('latest')), other.digest)
  await writeFile(driver, tagCurrentLink(app, parseTag('new')), image.digest)
  assert.equal(await reindex(registry), 1)
  assert.equal(await pull(registry, 'team/app', 'latest'), other.digest)
  assert.deepEqual((await listTags(registry, app, {})).tags, ['latest', 'new'])
  assert.deepEqual(rowsOf(registry), await rebuiltRows(driver))
})

test('an index that fails while serving gives way to a new one, and nothing is lost', async () => {
  const driver = new MemoryDriver()
  const opened = [emptyIndex(), emptyIndex()]
  const events: { kind: string }[] = []
  let next = 0
  const registry = await openOn(driver, { index: () => opened[next++] ?? emptyIndex(), events: events as never })
  await pushImage(registry, 'team/app', image, 'latest')
  opened[0]?.execute('DROP TABLE tag_history')
  await assert.rejects(pushManifest(registry, 'team/app', image.manifest, 'more'))
  assert.equal(events.at(-1)?.kind, 'index-replaced')
  await pushManifest(registry, 'team/app', image.manifest, 'more')
  assert.deepEqual((await listTags(registry, app, {})).tags, ['latest', 'more'])
  await settleAll(registry)
  assert.deepEqual(rowsOf(registry), await rebuiltRows(driver))
})
