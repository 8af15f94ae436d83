import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { imageOf } from '../../test/support/images.ts'
import { type Around, intercepted } from '../../test/support/intercepted.ts'
import { openOn } from '../../test/support/on-driver.ts'
import { pushImage, repo } from '../../test/support/push.ts'
import { openIndex } from '../metadata/connect.ts'
import { MemoryDriver } from '../volume/memory.ts'
import { collectGarbage } from './collect-garbage.ts'
import { deleteManifest, getManifest } from './manifests.ts'
import { closeRegistry, type Registry } from './registry.ts'
import { reindex } from './reindex.ts'
import { listRepositories } from './repositories.ts'
import { settleAll } from './settle.ts'
import { listTags } from './tags.ts'

const names = ['a', 'a/b', 'b', 'c', 'd', 'e']
const tags = ['1', '2', '3']
const image = imageOf('only')

/** A driver whose operation number `at`, counted from `arm`, waits for `release`. */
function parking(driver: MemoryDriver, at: number) {
  const gate = Promise.withResolvers<void>()
  const parked = Promise.withResolvers<void>()
  let left = Number.POSITIVE_INFINITY
  const around: Around = async (_operation, proceed) => {
    if (--left !== 0) return proceed()
    const result = await proceed() // it has looked, and what it saw is of before
    parked.resolve()
    await gate.promise
    return result
  }
  const arm = (): void => {
    left = at
  }
  return { driver: intercepted(driver, around), parked: parked.promise, release: gate.resolve, arm }
}

/** A volume with an index that knows it, opened by a process that has settled nothing yet. */
async function openWarm(at: number) {
  const folder = await mkdtemp(join(tmpdir(), 'lacre-reindex-'))
  const driver = new MemoryDriver()
  const index = () => openIndex(join(folder, 'index.db'), () => undefined)
  const before = await openOn(driver, { index })
  for (const name of names) for (const tag of tags) await pushImage(before, name, imageOf(`${name} ${tag}`), tag)
  closeRegistry(before)
  const parked = parking(driver, at)
  const registry = await openOn(parked.driver, { index })
  parked.arm()
  return {
    registry,
    ...parked,
    async [Symbol.asyncDispose]() {
      closeRegistry(registry)
      await rm(folder, { recursive: true })
    },
  }
}

async function assertWhole(registry: Registry): Promise<void> {
  assert.deepEqual((await listRepositories(registry, { limit: 100 })).repositories, names)
  for (const name of names) assert.deepEqual((await listTags(registry, repo(name), {})).tags, tags)
  const { manifests, layers, blobs } = await collectGarbage(registry, { graceMs: 0, isServing: false, deleteUntagged: true })
  assert.deepEqual({ manifests, layers, blobs }, { manifests: 0, layers: 0, blobs: 0 })
}

/** As SQLite reports a damaged page. */
function damageIndex({ rows }: Registry): void {
  assert.throws(() =>
    rows.read(() => {
      throw Object.assign(new Error('database disk image is malformed'), { code: 'ERR_SQLITE_ERROR', errcode: 11 })
    }),
  )
}

for (const at of [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]) {
  test(`reindexing while settling stands at operation ${at} loses no row, so nothing live is collected`, async () => {
    await using volume = await openWarm(at)
    const settling = settleAll(volume.registry)
    await volume.parked
    const reindexing = [reindex(volume.registry), reindex(volume.registry)]
    await nextTurn()
    volume.release()
    await Promise.all([settling, ...reindexing])
    await assertWhole(volume.registry)
  })

  test(`an index that fails while settling stands at operation ${at} loses no row, so nothing live is collected`, async () => {
    await using volume = await openWarm(at)
    const settling = settleAll(volume.registry)
    await volume.parked
    damageIndex(volume.registry)
    volume.release()
    await settling
    await assertWhole(volume.registry)
  })
}

for (const at of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`an index that fails while a deletion stands at operation ${at} leaves no tag of the manifest behind`, async () => {
    const parked = parking(new MemoryDriver(), at)
    const registry = await openOn(parked.driver)
    for (const tag of tags) await pushImage(registry, 'a', image, tag)
    parked.arm()
    const deleting = deleteManifest(registry, repo('a'), image.digest)
    await parked.parked
    damageIndex(registry)
    parked.release()
    await deleting
    assert.deepEqual((await listTags(registry, repo('a'), {})).tags, [])
    await assert.rejects(getManifest(registry, repo('a'), { kind: 'digest', digest: image.digest }), { code: 'MANIFEST_UNKNOWN' })
  })
}

test('a row that breaks a constraint says nothing against the index', async () => {
  const registry = await openOn(new MemoryDriver())
  const { generation } = registry.rows
  const layer = { repository_id: 99, digest: 'sha256:0', target: 'sha256:0', size: 1 }
  assert.throws(() => registry.rows.change((index) => index.run(index.build.insertInto('repository_blob').values(layer))))
  assert.equal(registry.rows.generation, generation)
})
