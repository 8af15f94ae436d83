import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { filesBelow, writeFile } from '../../test/support/edit-volume.ts'
import { intercepted } from '../../test/support/intercepted.ts'
import { emptyIndex, openOn } from '../../test/support/on-driver.ts'
import { bodyOf, pushBlob, readBlob, repo } from '../../test/support/push.ts'
import { digestOf } from '../oci/digest.ts'
import { REPOSITORIES, uploadData, uploadFolder, uploadStartedAt } from '../volume/layout.ts'
import { MemoryDriver, systemError } from '../volume/memory.ts'
import { getBlob } from './blobs.ts'
import type { Registry } from './registry.ts'
import { appendToUpload, cancelUpload, finishUpload, getUpload, putBlob, startUpload } from './uploads.ts'

const app = repo('team/app')
const hello = digestOf('hello')

/** A connection that ends after these bytes. */
async function* droppedAfter(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text)
  throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
}

/** A client that has sent `text` and waits until it is told to end. */
function held(text: string): { readonly body: Readable; end(more: string): void } {
  const body = new Readable({ read: () => undefined })
  body.push(text)
  const end = (more: string): void => {
    body.push(more)
    body.push(null)
  }
  return { body, end }
}

async function offsetReaches(registry: Registry, id: string, offset: number): Promise<void> {
  while ((await getUpload(registry, app, id)).offset !== offset) await new Promise((resolve) => setImmediate(resolve))
}

const uploadFiles = (driver: MemoryDriver) => filesBelow(driver, `${REPOSITORIES}/team/app/_uploads`)

test('a push cut in half goes on where it stopped', async () => {
  const registry = await openOn(new MemoryDriver())
  const { id } = await startUpload(registry, app)
  await assert.rejects(appendToUpload(registry, app, id, { body: Readable.from(droppedAfter('hel')) }), { code: 'ECONNRESET' })
  assert.deepEqual(await getUpload(registry, app, id), { id, offset: 3 })
  assert.deepEqual(await finishUpload(registry, app, id, { digest: hello, chunk: { body: bodyOf('lo'), offset: 3 } }), { digest: hello, size: 5 })
  assert.equal((await readBlob(registry, 'team/app', hello)).toString(), 'hello')
})

test('an upload goes on after a restart', async () => {
  const driver = new MemoryDriver()
  const { id } = await (async () => {
    const registry = await openOn(driver)
    const upload = await startUpload(registry, app)
    return appendToUpload(registry, app, upload.id, { body: bodyOf('hel') })
  })()
  const registry = await openOn(driver)
  assert.equal((await getUpload(registry, app, id)).offset, 3)
  await appendToUpload(registry, app, id, { body: bodyOf('lo'), offset: 3 })
  await finishUpload(registry, app, id, { digest: hello })
  assert.equal((await readBlob(registry, 'team/app', hello)).toString(), 'hello')
  assert.deepEqual(await uploadFiles(driver), [])
})

test('of two clients on one upload the second is told the true offset, and the first goes on', async () => {
  const registry = await openOn(new MemoryDriver())
  const { id } = await startUpload(registry, app)
  const first = held('hel')
  const appended = appendToUpload(registry, app, id, { body: first.body })
  await offsetReaches(registry, id, 3)
  const second = appendToUpload(registry, app, id, { body: bodyOf('xyz'), offset: 3 })
  await assert.rejects(second, { code: 'RANGE_INVALID', status: 416, detail: { reason: 'another client is writing to this upload', offset: 3 } })
  await assert.rejects(finishUpload(registry, app, id, { digest: hello }), { code: 'RANGE_INVALID' })
  await assert.rejects(cancelUpload(registry, app, id), { code: 'RANGE_INVALID' })
  first.end('lo')
  assert.equal((await appended).offset, 5)
  assert.equal((await finishUpload(registry, app, id, { digest: hello })).size, 5)
})

test('a chunk that does not start where the upload stands is refused and writes nothing', async () => {
  const registry = await openOn(new MemoryDriver())
  const { id } = await startUpload(registry, app)
  await appendToUpload(registry, app, id, { body: bodyOf('hel') })
  for (const offset of [0, 2, 4, 1e15])
    await assert.rejects(appendToUpload(registry, app, id, { body: bodyOf('lo'), offset }), (error: { code: string; detail: { offset: number } }) => {
      assert.deepEqual([error.code, error.detail.offset], ['RANGE_INVALID', 3])
      return true
    })
  assert.equal((await getUpload(registry, app, id)).offset, 3)
})

for (const [what, length] of [
  ['longer', 4],
  ['shorter', 6],
] as const) {
  test(`a body ${what} than stated is SIZE_INVALID, and no blob`, async () => {
    const registry = await openOn(new MemoryDriver())
    await assert.rejects(putBlob(registry, app, hello, { body: bodyOf('hello'), length }), { code: 'SIZE_INVALID' })
    await assert.rejects(getBlob(registry, app, hello), { code: 'BLOB_UNKNOWN' })
  })
}

test('an upload may end with another algorithm than it began with', async () => {
  const registry = await openOn(new MemoryDriver())
  const { id } = await startUpload(registry, app, 'sha256')
  await appendToUpload(registry, app, id, { body: bodyOf('hello') })
  const digest = digestOf('hello', 'sha512')
  await finishUpload(registry, app, id, { digest })
  assert.equal((await readBlob(registry, 'team/app', digest)).toString(), 'hello')
})

test('a sha512 blob stands under its own digest', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  const digest = await pushBlob(registry, 'team/app', 'hello', 'sha512')
  const hex = digest.slice('sha512:'.length)
  const link = await driver.read(`${REPOSITORIES}/team/app/_layers/sha512/${hex}/link`, 200)
  assert.equal(link?.toString(), digest)
  assert.equal((await driver.stat(`docker/registry/v2/blobs/sha512/${hex.slice(0, 2)}/${hex}/data`))?.size, 5)
})

test('bytes with another digest are no blob, and their upload is gone', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  const { id } = await startUpload(registry, app)
  await assert.rejects(finishUpload(registry, app, id, { digest: hello, chunk: { body: bodyOf('other') } }), {
    code: 'DIGEST_INVALID',
    detail: { digest: hello, computed: digestOf('other') },
  })
  await assert.rejects(getUpload(registry, app, id), { code: 'BLOB_UPLOAD_UNKNOWN' })
  assert.deepEqual(await uploadFiles(driver), [])
  assert.deepEqual(await filesBelow(driver, 'docker/registry/v2/blobs'), [])
})

/** A disk that has no room for the contents of the given kind of file while `isFull`. */
function fillable(driver: MemoryDriver, name: RegExp) {
  const disk = { isFull: false }
  const full = intercepted(driver, async (operation, proceed) => {
    const isRefused = disk.isFull && (operation.name === 'write' || operation.name === 'sync') && name.test(operation.path)
    if (isRefused) throw systemError('ENOSPC', operation.name, operation.path)
    return await proceed()
  })
  return { disk, full }
}

for (const [what, name] of [
  ['in mid-upload', /_uploads\/.*\/data$/],
  ['when the link is written', /lacre\/tmp/],
  ['when an upload begins', /startedat$/],
] as const) {
  test(`a disk that is full ${what} is said, nothing of the upload stays, and the next push works once there is room`, async () => {
    const driver = new MemoryDriver()
    const { disk, full } = fillable(driver, name)
    const registry = await openOn(full)
    disk.isFull = true
    await assert.rejects(putBlob(registry, app, hello, { body: bodyOf('hello') }), { code: 'UNAVAILABLE', status: 507 })
    assert.deepEqual(await uploadFiles(driver), [])
    await assert.rejects(getBlob(registry, app, hello), { code: 'BLOB_UNKNOWN' })
    disk.isFull = false
    await pushBlob(registry, 'team/app', 'hello')
    assert.equal((await readBlob(registry, 'team/app', hello)).toString(), 'hello')
  })
}

test('a disk that fills while a chunk arrives ends that upload', async () => {
  const driver = new MemoryDriver()
  const { disk, full } = fillable(driver, /_uploads\/.*\/data$/)
  const registry = await openOn(full)
  const { id } = await startUpload(registry, app)
  disk.isFull = true
  await assert.rejects(appendToUpload(registry, app, id, { body: bodyOf('hello') }), { code: 'UNAVAILABLE', status: 507 })
  await assert.rejects(getUpload(registry, app, id), { code: 'BLOB_UPLOAD_UNKNOWN' })
  disk.isFull = false
  await pushBlob(registry, 'team/app', 'hello')
})

test("an upload of Distribution's without data begins at 0 and can be written to", async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  const id = '11111111-2222-3333-4444-555555555555'
  await writeFile(driver, uploadStartedAt(app, id), '2026-01-01T00:00:00Z')
  assert.equal((await getUpload(registry, app, id)).offset, 0)
  await finishUpload(registry, app, id, { digest: hello, chunk: { body: bodyOf('hello') } })
  assert.equal((await readBlob(registry, 'team/app', hello)).toString(), 'hello')
})

test('a cancelled upload is gone', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  const { id } = await startUpload(registry, app)
  await cancelUpload(registry, app, id)
  await assert.rejects(getUpload(registry, app, id), { code: 'BLOB_UPLOAD_UNKNOWN' })
  assert.equal(await driver.stat(uploadFolder(app, id)), undefined)
})

for (const id of ['..', '.', 'a/b', '../../../x', '', 'x'.repeat(200), 'a\0b']) {
  test(`the upload ${JSON.stringify(id.slice(0, 20))} is unknown, not a path`, async () => {
    const registry = await openOn(new MemoryDriver())
    await assert.rejects(getUpload(registry, app, id), { code: 'BLOB_UPLOAD_UNKNOWN' })
    await assert.rejects(appendToUpload(registry, app, id, { body: bodyOf('x') }), { code: 'BLOB_UPLOAD_UNKNOWN' })
    await assert.rejects(cancelUpload(registry, app, id), { code: 'BLOB_UPLOAD_UNKNOWN' })
  })
}

test('an upload belongs to its repository', async () => {
  const registry = await openOn(new MemoryDriver())
  const { id } = await startUpload(registry, app)
  await assert.rejects(getUpload(registry, repo('team/other'), id), { code: 'BLOB_UPLOAD_UNKNOWN' })
})

test('an empty blob can be pushed, in one request and in two', async () => {
  const registry = await openOn(new MemoryDriver())
  const empty = digestOf('')
  assert.deepEqual(await putBlob(registry, app, empty, { body: bodyOf() }), { digest: empty, size: 0 })
  const { id } = await startUpload(registry, repo('other'))
  assert.deepEqual(await finishUpload(registry, repo('other'), id, { digest: empty }), { digest: empty, size: 0 })
})

test('the same digest pushed by many at once is one blob, linked for each', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver, { index: emptyIndex })
  const names = Array.from({ length: 8 }, (_, index) => `team/app-${index % 4}`)
  await Promise.all(names.map((name) => pushBlob(registry, name, 'hello')))
  for (const name of names) assert.equal((await readBlob(registry, name, hello)).toString(), 'hello')
  assert.equal((await filesBelow(driver, 'docker/registry/v2/blobs')).length, 1)
  assert.equal(registry.locks.digest.size + registry.locks.repository.size, 0)
})

test('once nothing may be written, uploads neither begin, grow, end nor go', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  const { id } = await startUpload(registry, app)
  await appendToUpload(registry, app, id, { body: bodyOf('hel') })
  registry.standing.refusal = 'the lock was lost'
  const refused = { code: 'UNAVAILABLE', status: 503 }
  await assert.rejects(startUpload(registry, app), refused)
  await assert.rejects(appendToUpload(registry, app, id, { body: bodyOf('lo') }), refused)
  await assert.rejects(finishUpload(registry, app, id, { digest: hello, chunk: { body: bodyOf('lo') } }), refused)
  await assert.rejects(cancelUpload(registry, app, id), refused)
  assert.equal((await driver.stat(uploadData(app, id)))?.size, 3)
})
