import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { filesBelow, flipByte, truncate, writeFile } from '../../test/support/edit-volume.ts'
import { openOn } from '../../test/support/on-driver.ts'
import { pushBlob, readBlob, repo } from '../../test/support/push.ts'
import { digestOf } from '../oci/digest.ts'
import { blobData, blobFolder, layerLink } from '../volume/layout.ts'
import { MemoryDriver } from '../volume/memory.ts'
import { deleteBlob, findBlobSources, getBlob, mountBlob, openBlob } from './blobs.ts'
import { checkVolume } from './check.ts'

const app = repo('team/app')
const hello = digestOf('hello')

test('a blob is read in whole and in part', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushBlob(registry, 'team/app', 'hello')
  const blob = await getBlob(registry, app, hello)
  assert.deepEqual(blob, { digest: hello, size: 5 })
  assert.equal((await buffer(await openBlob(registry, app, blob, { first: 1, last: 3 }))).toString(), 'ell')
})

test('a blob belongs to the repositories that link it', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushBlob(registry, 'team/app', 'hello')
  await assert.rejects(getBlob(registry, repo('team'), hello), { code: 'BLOB_UNKNOWN' })
  await assert.rejects(getBlob(registry, repo('team/app/more'), hello), { code: 'BLOB_UNKNOWN' })
})

test('a mounted blob is here although its source deletes it', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushBlob(registry, 'team/app', 'hello')
  assert.deepEqual(await findBlobSources(registry, hello), ['team/app'])
  assert.deepEqual(await mountBlob(registry, repo('other'), hello, app), { digest: hello, size: 5 })
  assert.deepEqual(await findBlobSources(registry, hello), ['other', 'team/app'])
  await deleteBlob(registry, app, hello)
  await assert.rejects(getBlob(registry, app, hello), { code: 'BLOB_UNKNOWN' })
  assert.equal((await readBlob(registry, 'other', hello)).toString(), 'hello')
})

test('what a source does not have is not mounted, and nothing of the target is made', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushBlob(registry, 'team/app', 'hello')
  assert.equal(await mountBlob(registry, repo('other'), hello, repo('nobody')), undefined)
  assert.equal(await mountBlob(registry, repo('other'), digestOf('?'), app), undefined)
  assert.equal(await driver.stat('docker/registry/v2/repositories/other'), undefined)
})

test('a link whose bytes are gone mounts nothing', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushBlob(registry, 'team/app', 'hello')
  await driver.removeFile(blobData(hello))
  assert.equal(await mountBlob(registry, repo('other'), hello, app), undefined)
})

test('a deleted blob is unknown, and its second deletion too', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushBlob(registry, 'team/app', 'hello')
  await deleteBlob(registry, app, hello)
  await assert.rejects(deleteBlob(registry, app, hello), { code: 'BLOB_UNKNOWN' })
  assert.deepEqual(await filesBelow(driver, 'docker/registry/v2/repositories'), [])
  assert.equal((await driver.stat(blobData(hello)))?.size, 5)
})

test('asking for what does not exist leaves nothing behind', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  const before = await filesBelow(driver, '')
  await assert.rejects(getBlob(registry, app, hello), { code: 'BLOB_UNKNOWN' })
  await assert.rejects(deleteBlob(registry, app, hello), { code: 'BLOB_UNKNOWN' })
  assert.deepEqual(await filesBelow(driver, ''), before)
  assert.deepEqual([registry.sightings.size, registry.settlement.settled.size, registry.locks.repository.size], [0, 0, 0])
})

for (const [what, damage] of [
  ['gone', (driver: MemoryDriver) => driver.removeFile(blobData(hello))],
  ['gone with its folder', (driver: MemoryDriver) => driver.removeFile(blobData(hello)).then(() => driver.removeFolder(blobFolder(hello)))],
  ['truncated', (driver: MemoryDriver) => truncate(driver, blobData(hello))],
  ['altered', (driver: MemoryDriver) => flipByte(driver, blobData(hello))],
] as const) {
  test(`a push heals a blob that is ${what}`, async () => {
    const driver = new MemoryDriver()
    await pushBlob(await openOn(driver), 'team/app', 'hello')
    await damage(driver)
    const registry = await openOn(driver)
    await pushBlob(registry, 'other', 'hello')
    assert.equal((await readBlob(registry, 'team/app', hello)).toString(), 'hello')
  })
}

test('bytes that this process verified and that vanish are brought by the next push', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushBlob(registry, 'team/app', 'hello')
  await driver.removeFile(blobData(hello))
  await assert.rejects(getBlob(registry, app, hello), { code: 'BLOB_UNKNOWN' })
  await pushBlob(registry, 'team/app', 'hello')
  assert.equal((await readBlob(registry, 'team/app', hello)).toString(), 'hello')
})

test('a blob that a check found altered is unknown until it is pushed again', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushBlob(registry, 'team/app', 'hello')
  await flipByte(driver, blobData(hello))
  await checkVolume(registry, { bytes: true, onFinding: () => undefined })
  await assert.rejects(getBlob(registry, app, hello), { code: 'BLOB_UNKNOWN' })
  assert.equal(await mountBlob(registry, repo('other'), hello, app), undefined)
  await pushBlob(registry, 'team/app', 'hello')
  assert.equal((await readBlob(registry, 'team/app', hello)).toString(), 'hello')
})

for (const [what, text] of [
  ['empty', ''],
  ['no digest', 'sha256:abc'],
  ['too long', 'x'.repeat(5000)],
] as const) {
  test(`a layer link that is ${what} makes its blob unknown, is reported, and is mended by a push`, async () => {
    const driver = new MemoryDriver()
    await pushBlob(await openOn(driver), 'team/app', 'hello')
    await writeFile(driver, layerLink(app, hello), text)
    const events: { kind: string }[] = []
    const registry = await openOn(driver, { events: events as never })
    await assert.rejects(getBlob(registry, app, hello), { code: 'BLOB_UNKNOWN' })
    assert.deepEqual(events.at(-1), { kind: 'damaged-link', path: layerLink(app, hello) })
    await pushBlob(registry, 'team/app', 'hello')
    assert.equal((await readBlob(registry, 'team/app', hello)).toString(), 'hello')
  })
}

test("Distribution's alias of a sha512 blob, a link that names its sha256, is served and not mounted", async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushBlob(registry, 'team/app', 'hello')
  const alias = digestOf('hello', 'sha512')
  await writeFile(driver, layerLink(app, alias), hello)
  assert.deepEqual(await getBlob(registry, app, alias), { digest: alias, size: 5 })
  assert.equal((await readBlob(registry, 'team/app', alias)).toString(), 'hello')
  assert.equal(await mountBlob(registry, repo('other'), alias, app), undefined)
})

test('bytes stay readable though they are deleted meanwhile', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushBlob(registry, 'team/app', 'hello')
  const body = await openBlob(registry, app, await getBlob(registry, app, hello))
  await driver.removeFile(blobData(hello))
  assert.equal((await buffer(body)).toString(), 'hello')
})
