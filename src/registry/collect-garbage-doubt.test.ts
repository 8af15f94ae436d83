import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageOf } from '../../test/support/images.ts'
import { intercepted } from '../../test/support/intercepted.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { openOn } from '../../test/support/on-driver.ts'
import { indexOf, pull, pushBlob, pushImage, pushManifest, repo } from '../../test/support/push.ts'
import { blobData, REPOSITORIES } from '../volume/layout.ts'
import { MemoryDriver, systemError } from '../volume/memory.ts'
import { mountBlob } from './blobs.ts'
import { checkVolume } from './check.ts'
import { collectGarbage } from './collect-garbage.ts'
import { reindex } from './reindex.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const image = imageOf('first')

test('an untagged index in its grace holds its children', async () => {
  const clock = new ManualClock()
  const registry = await openOn(new MemoryDriver(clock.now), { clock })
  await pushImage(registry, 'a', image)
  clock.advance(2 * DAY)
  const index = await pushManifest(registry, 'a', indexOf(image))
  clock.advance(HOUR)
  const { manifests } = await collectGarbage(registry, { graceMs: DAY, isServing: true, deleteUntagged: true })
  assert.equal(manifests, 0)
  assert.equal(await pull(registry, 'a', index), index)
  assert.equal(await pull(registry, 'a', image.digest), image.digest)
})

test('a push that a full disk refused into a new repository does not stop collection for ever', async () => {
  let isFull = false
  const driver = intercepted(new MemoryDriver(), async (operation, proceed) => {
    if (isFull && ['openWrite', 'write', 'makeFolder'].includes(operation.name)) throw systemError('ENOSPC', operation.name, operation.path)
    return proceed()
  })
  const registry = await openOn(driver)
  const digest = await pushBlob(registry, 'a', 'hello')
  isFull = true
  await assert.rejects(mountBlob(registry, repo('new'), digest, repo('a')), { status: 507 })
  isFull = false
  assert.equal((await collectGarbage(registry, { graceMs: 0, isServing: false })).blobs, 1)
})

test('looking anew at a folder that cannot be seen never makes it look empty to a collection', async () => {
  const memory = new MemoryDriver()
  const before = await openOn(memory)
  const hidden = await pushBlob(before, 'hidden/app', 'hello')
  await pushImage(before, 'b', image, 'x')
  let gate: PromiseWithResolvers<void> | undefined
  let onLayers: (() => void) | undefined
  const driver = intercepted(memory, async ({ name, path }, proceed) => {
    if (name === 'list' && path.startsWith(`${REPOSITORIES}/hidden`)) throw systemError('EACCES', name, path)
    if (name === 'list' && path.includes('/b/_layers')) onLayers?.()
    if (name === 'list' && path === REPOSITORIES) await gate?.promise
    return proceed()
  })
  const registry = await openOn(driver)
  const settings = { graceMs: 0, isServing: true }
  await assert.rejects(collectGarbage(registry, settings), { name: 'CollectionRefusedError' })
  registry.settlement.settled.clear()
  let reindexing: Promise<number> | undefined
  onLayers = () => {
    onLayers = undefined
    gate = Promise.withResolvers()
    reindexing = reindex(registry)
    setImmediate(() => gate?.resolve())
  }
  await collectGarbage(registry, settings).catch(() => undefined)
  await reindexing
  assert.notEqual(await memory.stat(blobData(hidden)), undefined)
})

test('a check each day does not put collection off for ever', async () => {
  const clock = new ManualClock()
  const registry = await openOn(new MemoryDriver(clock.now), { clock })
  await pushBlob(registry, 'a', 'orphan')
  let blobs = 0
  for (let day = 0; day < 3; day++) {
    clock.advance(DAY - HOUR)
    await checkVolume(registry, { onFinding: () => undefined })
    clock.advance(HOUR)
    blobs += (await collectGarbage(registry, { graceMs: DAY, isServing: true })).blobs
  }
  assert.equal(blobs, 1)
})
