import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flipByte } from '../../test/support/edit-volume.ts'
import { imageOf } from '../../test/support/images.ts'
import { intercepted } from '../../test/support/intercepted.ts'
import { emptyIndex, openOn } from '../../test/support/on-driver.ts'
import { artifactOf, pull, pushBlob, pushImage, pushManifest, readBlob, repo } from '../../test/support/push.ts'
import { blobData } from '../volume/layout.ts'
import { MemoryDriver, systemError } from '../volume/memory.ts'
import { checkVolume } from './check.ts'
import { listReferrers } from './referrers.ts'
import { reindex } from './reindex.ts'
import { listTags } from './tags.ts'

const image = imageOf('first')
const second = imageOf('second')

test('a push that puts bytes right while a check reads the wrong ones is believed', async () => {
  const memory = new MemoryDriver()
  const digest = await pushBlob(await openOn(memory), 'a', 'hello')
  await flipByte(memory, blobData(digest))
  let push: (() => Promise<unknown>) | undefined
  const driver = intercepted(memory, async ({ name, path }, proceed) => {
    const result = await proceed()
    const now = name === 'openRead' && path === blobData(digest) ? push : undefined
    if (now) push = undefined
    await now?.()
    return result
  })
  const registry = await openOn(driver)
  push = () => pushBlob(registry, 'a', 'hello')
  await checkVolume(registry, { bytes: true, onFinding: () => undefined })
  assert.equal(String(await readBlob(registry, 'a', digest)), 'hello')
})

test('a push that puts bytes right while another repository settles shows there too', async () => {
  const memory = new MemoryDriver()
  const before = await openOn(memory)
  const subject = await pushImage(before, 'q', image, 'x')
  for (const name of ['q', 'p']) await pushBlob(before, name, '{}')
  const artifact = await pushManifest(before, 'q', artifactOf('t/x', subject))
  await memory.removeFile(blobData(artifact))
  let push: (() => Promise<unknown>) | undefined
  const driver = intercepted(memory, async ({ name, path }, proceed) => {
    const now = name === 'list' && path.includes('/q/_layers') ? push : undefined
    if (now) push = undefined
    await now?.()
    return proceed()
  })
  const registry = await openOn(driver)
  push = () => pushManifest(registry, 'p', artifactOf('t/x', subject))
  assert.equal((await listReferrers(registry, repo('q'), subject, {})).descriptors.length, 1)
  assert.equal(await pull(registry, 'q', artifact), artifact)
})

test('after a sync that failed, a push is acknowledged only once all is durable, a reindex in between or not', async () => {
  let isFailing = false
  const synced: string[] = []
  const driver = intercepted(new MemoryDriver(), async ({ name, path }, proceed) => {
    if (isFailing && name === 'syncFolder' && path.endsWith('/current')) throw systemError('EIO', name, path)
    if (name === 'syncAll') synced.push(name)
    return proceed()
  })
  const registry = await openOn(driver)
  await pushImage(registry, 'a', image, 'x')
  for (const blob of second.blobs) await pushBlob(registry, 'a', blob)
  isFailing = true
  await assert.rejects(pushManifest(registry, 'a', second.manifest, 'x'), { code: 'EIO' })
  isFailing = false
  synced.length = 0
  await reindex(registry)
  await pushManifest(registry, 'a', second.manifest, 'x')
  assert.deepEqual(synced, ['syncAll'])
})

test('a disk that fills up while a repository settles is no reason not to list it', async () => {
  const memory = new MemoryDriver()
  const before = await openOn(memory)
  await pushImage(before, 'a', image, 'x')
  for (let number = 0; number < 300; number++) await pushBlob(before, 'a', `blob ${number}`)
  const small = emptyIndex()
  const pages = small.all({ compile: () => ({ sql: 'PRAGMA page_count', parameters: [] }) } as never) as { page_count: number }[]
  small.execute(`PRAGMA max_page_count=${(pages[0]?.page_count ?? 0) + 3}`)
  let next = 0
  const registry = await openOn(memory, { index: () => (next++ === 0 ? small : emptyIndex()) })
  assert.deepEqual((await listTags(registry, repo('a'), {})).tags, ['x'])
  assert.equal(registry.rows.generation, 1)
})
