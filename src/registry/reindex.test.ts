import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { imageOf } from '../../test/support/images.ts'
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

/** A volume with an index that knows it, opened by a process that has settled nothing yet. */
async function openWarm() {
  const folder = await mkdtemp(join(tmpdir(), 'lacre-reindex-'))
  const driver = new MemoryDriver()
  const index = () => openIndex(join(folder, 'index.db'), () => undefined)
  const before = await openOn(driver, { index })
  for (const name of names) for (const tag of tags) await pushImage(before, name, imageOf(`${name} ${tag}`), tag)
  closeRegistry(before)
  const registry = await openOn(driver, { index })
  return {
    registry,
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

for (const turns of [0, 1, 2, 3, 5, 8, 13, 21, 34]) {
  test(`a reindex ${turns} turns after the start of settling loses no row, so nothing live is collected`, async () => {
    await using volume = await openWarm()
    const settling = settleAll(volume.registry)
    for (let turn = 0; turn < turns; turn++) await nextTurn()
    await Promise.all([settling, reindex(volume.registry), reindex(volume.registry)])
    await assertWhole(volume.registry)
  })

  test(`an index that fails ${turns} turns after the start of settling loses no row, so nothing live is collected`, async () => {
    await using volume = await openWarm()
    const settling = settleAll(volume.registry)
    for (let turn = 0; turn < turns; turn++) await nextTurn()
    damageIndex(volume.registry)
    await settling
    await assertWhole(volume.registry)
  })

  test(`an index that fails ${turns} turns into a deletion leaves no tag of the manifest behind`, async () => {
    const registry = await openOn(new MemoryDriver())
    for (const tag of tags) await pushImage(registry, 'a', image, tag)
    const deleting = deleteManifest(registry, repo('a'), image.digest)
    for (let turn = 0; turn < turns; turn++) await nextTurn()
    damageIndex(registry)
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
