import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { filesBelow, writeFile } from '../../test/support/edit-volume.ts'
import { intercepted } from '../../test/support/intercepted.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { openOn } from '../../test/support/on-driver.ts'
import { bodyOf, repo } from '../../test/support/push.ts'
import { digestOf } from '../oci/digest.ts'
import { REPOSITORIES, uploadStartedAt } from '../volume/layout.ts'
import { MemoryDriver } from '../volume/memory.ts'
import { type SweptUpload, sweepUploads } from './sweep.ts'
import { appendToUpload, cancelUpload, finishUpload, getUpload, startUpload } from './uploads.ts'

const DAY = 86_400_000
const app = repo('team/app')

async function open() {
  const clock = new ManualClock()
  const driver = new MemoryDriver(clock.now)
  return { clock, driver, registry: await openOn(driver, { clock }) }
}

test('an upload goes when nothing has arrived for it for as long as its age', async () => {
  const { clock, driver, registry } = await open()
  const { id } = await startUpload(registry, app)
  clock.advance(6 * DAY)
  await appendToUpload(registry, app, id, { body: bodyOf('x') })
  clock.advance(7 * DAY - 1)
  assert.equal(await sweepUploads(registry, { ageMs: 7 * DAY }), 0)
  clock.advance(1)
  const swept: SweptUpload[] = []
  assert.equal(await sweepUploads(registry, { ageMs: 7 * DAY, onSwept: (upload) => swept.push(upload) }), 1)
  assert.deepEqual(swept, [{ repository: app, id, ageMs: 7 * DAY }])
  assert.deepEqual(await filesBelow(driver, REPOSITORIES), [])
  await assert.rejects(getUpload(registry, app, id), { code: 'BLOB_UPLOAD_UNKNOWN' })
})

test('a dry run tells the same and removes nothing', async () => {
  const { clock, registry } = await open()
  const { id } = await startUpload(registry, app)
  clock.advance(DAY)
  assert.equal(await sweepUploads(registry, { ageMs: DAY, dryRun: true }), 1)
  assert.equal((await getUpload(registry, app, id)).offset, 0)
})

test('an upload that somebody writes to stays, however long the client takes', async () => {
  const { clock, registry } = await open()
  const { id } = await startUpload(registry, app)
  const body = new Readable({ read: () => undefined })
  const appended = appendToUpload(registry, app, id, { body })
  body.push('hel')
  while ((await getUpload(registry, app, id)).offset < 3) await new Promise((resolve) => setImmediate(resolve))
  clock.advance(30 * DAY)
  assert.equal(await sweepUploads(registry, { ageMs: DAY }), 0)
  body.push('lo')
  body.push(null)
  await appended
  assert.equal((await finishUpload(registry, app, id, { digest: digestOf('hello') })).size, 5)
})

test("an upload of Distribution's without data goes too, nested repositories included", async () => {
  const { clock, driver, registry } = await open()
  await writeFile(driver, uploadStartedAt(repo('a/b/c'), 'one'), '2020-01-01T00:00:00Z')
  await driver.makeFolder(`${REPOSITORIES}/a/_uploads/empty`)
  clock.advance(DAY)
  assert.equal(await sweepUploads(registry, { ageMs: DAY }), 2)
  assert.deepEqual(await driver.list(`${REPOSITORIES}/a/_uploads`), [])
})

test('once nothing may be written, nothing is swept', async () => {
  const { clock, registry } = await open()
  const { id } = await startUpload(registry, app)
  clock.advance(DAY)
  registry.standing.refusal = 'the lock was lost'
  await assert.rejects(sweepUploads(registry, { ageMs: DAY }), { code: 'UNAVAILABLE' })
  assert.equal((await getUpload(registry, app, id)).offset, 0)
})

test('uploads that end while others are looked at do no harm', async () => {
  const { clock, driver } = await open()
  const ending = { end: async () => undefined as unknown }
  const watched = intercepted(driver, async (operation, proceed) => {
    const result = await proceed()
    if (operation.name === 'list' && operation.path.endsWith('/_uploads')) await ending.end()
    return result
  })
  const registry = await openOn(watched, { clock })
  const { id } = await startUpload(registry, app)
  const { id: old } = await startUpload(registry, app)
  clock.advance(DAY)
  ending.end = () => cancelUpload(registry, app, id)
  const swept: SweptUpload[] = []
  assert.equal(await sweepUploads(registry, { ageMs: DAY, onSwept: (upload) => swept.push(upload) }), 1)
  assert.deepEqual(
    swept.map((upload) => upload.id),
    [old],
  )
})
