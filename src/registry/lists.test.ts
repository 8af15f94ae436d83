import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { writeFile } from '../../test/support/edit-volume.ts'
import { imageOf } from '../../test/support/images.ts'
import { openOn } from '../../test/support/on-driver.ts'
import { artifactOf, indexOf, pushBlob, pushImage, pushManifest, repo } from '../../test/support/push.ts'
import { digestOf } from '../oci/digest.ts'
import { parseTag } from '../oci/reference.ts'
import { revisionLink, tagCurrentLink } from '../volume/layout.ts'
import { MemoryDriver } from '../volume/memory.ts'
import { deleteManifest } from './manifests.ts'
import { listReferrers } from './referrers.ts'
import type { Registry } from './registry.ts'
import { listRepositories } from './repositories.ts'
import { settleAll } from './settle.ts'
import { listTags } from './tags.ts'

const app = repo('team/app')
const image = imageOf('first')

type NextPage = (after: string | undefined) => Promise<{ readonly names: string[]; readonly more: boolean }>

/** All names, a page at a time, each page beginning after the last name of the one before. */
async function everyPage(next: NextPage, limit: number): Promise<string[]> {
  const all: string[] = []
  for (let after: string | undefined; ; after = all.at(-1)) {
    const { names, more } = await next(after)
    assert.ok(names.length <= limit)
    all.push(...names)
    if (!more) return all
    assert.equal(names.length, limit)
  }
}

const tagPages =
  (registry: Registry, limit: number): NextPage =>
  async (after) => {
    const { tags, more } = await listTags(registry, app, { limit, ...(after === undefined ? {} : { after }) })
    return { names: tags, more }
  }

const catalogPages =
  (registry: Registry, limit: number): NextPage =>
  async (after) => {
    const { repositories, more } = await listRepositories(registry, { limit, ...(after === undefined ? {} : { after }) })
    return { names: repositories, more }
  }

/** A repository on the volume as another program left it, with these tags. */
async function plant(driver: MemoryDriver, name: string, tags: readonly string[]): Promise<void> {
  await writeFile(driver, revisionLink(repo(name), image.digest), image.digest)
  for (const tag of tags) await writeFile(driver, tagCurrentLink(repo(name), parseTag(tag)), image.digest)
}

const byBytes = (names: readonly string[]): string[] => names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

const part = fc.stringMatching(/^[ab]([-._]?[ab0]){0,2}$/)
const names = fc.uniqueArray(
  fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
  { minLength: 1, maxLength: 12 },
)
const tags = fc.uniqueArray(fc.stringMatching(/^[aAb_0][aAb_0.-]{0,3}$/), { minLength: 1, maxLength: 12 })

test('repositories whose names begin with one another are listed in order, each once, whatever the size of a page', async () => {
  const property = fc.asyncProperty(names, fc.integer({ min: 1, max: 13 }), async (found, limit) => {
    const driver = new MemoryDriver()
    for (const name of found) await plant(driver, name, [])
    assert.deepEqual(await everyPage(catalogPages(await openOn(driver), limit), limit), byBytes(found))
  })
  await fc.assert(property, { numRuns: 30, examples: [[['a', 'a/b', 'a-b', 'ab', 'a.b', 'a/b/a'], 1]] })
})

test('tags are listed in the order of their bytes, each once, whatever the size of a page', async () => {
  const property = fc.asyncProperty(tags, fc.integer({ min: 1, max: 13 }), async (found, limit) => {
    const driver = new MemoryDriver()
    await plant(driver, 'team/app', found)
    assert.deepEqual(await everyPage(tagPages(await openOn(driver), limit), limit), byBytes(found))
  })
  await fc.assert(property, { numRuns: 30, examples: [[['a', 'a-b', 'a.b', 'A', '_', 'a_b', '0'], 1]] })
})

test('a page may begin after a name that is not there, and the last page has no more', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushImage(registry, 'team/app', image, 'a', 'c', 'e')
  assert.deepEqual(await listTags(registry, app, { limit: 2, after: 'b' }), { tags: ['c', 'e'], more: false })
  assert.deepEqual(await listTags(registry, app, { after: 'zzz' }), { tags: [], more: false })
  assert.deepEqual(await listTags(registry, app, { limit: 0 }), { tags: [], more: true })
})

test('a repository without tags lists none; one that never had a manifest is unknown', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushImage(registry, 'team/app', image)
  assert.deepEqual(await listTags(registry, app, {}), { tags: [], more: false })
  await pushBlob(registry, 'blobs/only', 'x')
  for (const name of ['team', 'blobs/only', 'nobody']) await assert.rejects(listTags(registry, repo(name), {}), { code: 'NAME_UNKNOWN' })
  assert.deepEqual((await listRepositories(registry, { limit: 10 })).repositories, ['team/app'])
})

test('a repository pushed after the catalog was first asked for is in it', async () => {
  const registry = await openOn(new MemoryDriver())
  assert.deepEqual((await listRepositories(registry, { limit: 10 })).repositories, [])
  await pushImage(registry, 'team/app', image)
  assert.deepEqual((await listRepositories(registry, { limit: 10 })).repositories, ['team/app'])
})

test('a repository that is gone from the volume at the next start is gone from the catalog', async () => {
  const driver = new MemoryDriver()
  const first = await openOn(driver)
  await pushImage(first, 'team/app', image)
  await pushImage(first, 'team/more', image)
  const kept = first.rows
  driver.root.entries.delete('docker')
  const second = await openOn(driver, { index: () => kept.read((index) => index) })
  assert.deepEqual((await listRepositories(second, { limit: 10 })).repositories, [])
})

test('tags without a link, and folders that no tag could have, are not listed', async () => {
  const driver = new MemoryDriver()
  await plant(driver, 'team/app', ['good'])
  await writeFile(driver, tagCurrentLink(app, parseTag('empty')), '')
  await driver.makeFolder('docker/registry/v2/repositories/team/app/_manifests/tags/bare')
  await driver.makeFolder('docker/registry/v2/repositories/team/app/_manifests/tags/.hidden')
  assert.deepEqual((await listTags(await openOn(driver), app, {})).tags, ['good'])
})

async function pushArtifacts(registry: Registry): Promise<void> {
  await pushImage(registry, 'team/app', image, 'latest')
  await pushBlob(registry, 'team/app', '{}')
  for (const kind of ['sbom', 'signature', 'sbom+more']) await pushManifest(registry, 'team/app', artifactOf(kind, image.digest, { kind }))
}

test('referrers are listed with type and annotations, in the order of their digests, all or of one type', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushArtifacts(registry)
  const { descriptors, more } = await listReferrers(registry, app, image.digest, {})
  assert.deepEqual([descriptors.map(({ digest }) => digest), more], [descriptors.map(({ digest }) => digest).toSorted(), false])
  assert.deepEqual(descriptors.map(({ artifactType }) => artifactType).toSorted(), ['sbom', 'sbom+more', 'signature'])
  const [sbom, ...others] = (await listReferrers(registry, app, image.digest, { artifactType: 'sbom' })).descriptors
  assert.deepEqual([sbom?.artifactType, sbom?.annotations, others], ['sbom', { kind: 'sbom' }, []])
})

test('referrers come a page at a time', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushArtifacts(registry)
  const all = (await listReferrers(registry, app, image.digest, {})).descriptors.map(({ digest }) => digest)
  const first = await listReferrers(registry, app, image.digest, { limit: 2 })
  const second = await listReferrers(registry, app, image.digest, { limit: 2, after: all[1] ?? '' })
  assert.deepEqual([first.more, second.more], [true, false])
  assert.deepEqual(
    [...first.descriptors, ...second.descriptors].map(({ digest }) => digest),
    all,
  )
})

test('a referrer may come before its subject, stays when that goes, and goes when it is deleted itself', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushBlob(registry, 'team/app', '{}')
  const digest = await pushManifest(registry, 'team/app', artifactOf('sbom', image.digest))
  const list = async () => (await listReferrers(registry, app, image.digest, {})).descriptors.map((descriptor) => descriptor.digest)
  assert.deepEqual(await list(), [digest])
  await pushImage(registry, 'team/app', image)
  await deleteManifest(registry, app, image.digest)
  assert.deepEqual(await list(), [digest])
  await deleteManifest(registry, app, digest)
  assert.deepEqual(await list(), [])
})

test('nobody refers to what is not there, and asking leaves nothing behind', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  assert.deepEqual(await listReferrers(registry, app, image.digest, {}), { descriptors: [], more: false })
  assert.equal(await driver.stat('docker/registry/v2/repositories/team'), undefined)
})

test('what a fallback tag lists are referrers too, once, and only those that are here', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushArtifacts(registry)
  const plain = imageOf('signature')
  await pushImage(registry, 'team/app', plain)
  const before = (await listReferrers(registry, app, image.digest, {})).descriptors.map(({ digest }) => digest)
  await pushManifest(registry, 'team/app', indexOf(plain), image.digest.replace(':', '-'))
  const after = (await listReferrers(registry, app, image.digest, {})).descriptors.map(({ digest }) => digest)
  assert.deepEqual(after, [...before, plain.digest].toSorted())
})

test('a fallback tag that stands for no index, or for bytes that are no manifest, lists nothing', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushImage(registry, 'team/app', image, image.digest.replace(':', '-'))
  assert.deepEqual((await listReferrers(registry, app, image.digest, {})).descriptors, [])
  const none = await pushBlob(registry, 'team/app', 'no manifest')
  await writeFile(driver, tagCurrentLink(app, parseTag(image.digest.replace(':', '-'))), none)
  registry.links.forgetAll()
  assert.deepEqual((await listReferrers(registry, app, image.digest, {})).descriptors, [])
})

test('referrers of a sha512 subject are found, with its shortened fallback tag', async () => {
  const registry = await openOn(new MemoryDriver())
  const subject = digestOf('any', 'sha512')
  await pushBlob(registry, 'team/app', '{}')
  const digest = await pushManifest(registry, 'team/app', artifactOf('sbom', subject))
  const plain = imageOf('signature')
  await pushImage(registry, 'team/app', plain)
  await pushManifest(registry, 'team/app', indexOf(plain), subject.replace(':', '-').slice(0, 'sha512-'.length + 64))
  const found = (await listReferrers(registry, app, subject, {})).descriptors.map((descriptor) => descriptor.digest)
  assert.deepEqual(found, [digest, plain.digest].toSorted())
})

test('lists wait for their own repository only: others may still be unsettled', async () => {
  const driver = new MemoryDriver()
  for (const name of ['a', 'b', 'c']) await plant(driver, name, ['x', 'y'])
  const registry = await openOn(driver)
  assert.deepEqual((await listTags(registry, repo('b'), {})).tags, ['x', 'y'])
  assert.deepEqual([...registry.settlement.settled.keys()], ['b'])
  await settleAll(registry)
  assert.deepEqual([...registry.settlement.settled.keys()].toSorted(), ['a', 'b', 'c'])
})
