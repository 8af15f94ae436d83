import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flipByte, truncate, writeFile } from '../../test/support/edit-volume.ts'
import { imageOf } from '../../test/support/images.ts'
import { openOn } from '../../test/support/on-driver.ts'
import { indexOf, pull, pushBlob, pushImage, pushManifest, readBlob, repo } from '../../test/support/push.ts'
import { rowsOf } from '../../test/support/verify.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import type { OciError } from '../oci/error.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { parseTag } from '../oci/reference.ts'
import { blobData, layerLink, revisionLink, tagCurrentLink, tagFolder, tagHistoryLink } from '../volume/layout.ts'
import { MemoryDriver } from '../volume/memory.ts'
import { deleteBlob, getBlob } from './blobs.ts'
import { deleteManifest, getManifest, putManifest } from './manifests.ts'
import { settleAll } from './settle.ts'
import { deleteTag, listTags } from './tags.ts'

const app = repo('team/app')
const image = imageOf('first')
const other = imageOf('second')
const latest = parseTag('latest')

test('a manifest comes back byte for byte, by tag and by digest', async () => {
  const registry = await openOn(new MemoryDriver())
  const odd = Buffer.from(`  ${image.manifest.toString()}\n\n`)
  for (const blob of image.blobs) await pushBlob(registry, 'team/app', blob)
  const digest = await pushManifest(registry, 'team/app', odd, 'latest')
  assert.equal(digest, digestOf(odd))
  for (const reference of [{ kind: 'tag', tag: latest } as const, { kind: 'digest', digest } as const]) {
    const manifest = await getManifest(registry, app, reference)
    assert.deepEqual([manifest.bytes, manifest.mediaType, manifest.digest], [odd, mediaTypes.ociManifest, digest])
  }
})

test('every blob that a manifest names and that is not here is told, each once', async () => {
  const registry = await openOn(new MemoryDriver())
  const layers = [Buffer.from('one'), Buffer.from('two'), Buffer.from('two')]
  const wide = imageOf('wide', layers)
  await pushBlob(registry, 'team/app', 'one')
  await assert.rejects(pushManifest(registry, 'team/app', wide.manifest, 'latest'), (error: OciError) => {
    const missing = [error, ...error.others].map(({ code, detail }) => [code, detail])
    const expected = [wide.blobs[0], layers[1]].map((blob) => ['MANIFEST_BLOB_UNKNOWN', digestOf(blob ?? '')])
    assert.deepEqual(missing, expected)
    return true
  })
  await assert.rejects(pull(registry, 'team/app', 'latest'), { code: 'MANIFEST_UNKNOWN' })
})

test('a blob of another repository, or one whose bytes are gone, does not count', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  for (const blob of image.blobs) await pushBlob(registry, 'elsewhere', blob)
  await assert.rejects(pushManifest(registry, 'team/app', image.manifest), { code: 'MANIFEST_BLOB_UNKNOWN' })
  for (const blob of image.blobs) await pushBlob(registry, 'team/app', blob)
  await driver.removeFile(blobData(digestOf(image.blobs[1] ?? '')))
  await assert.rejects(pushManifest(registry, 'team/app', image.manifest), { code: 'MANIFEST_BLOB_UNKNOWN' })
})

test('children of an index may be here as manifests or as layers, but must be here', async () => {
  const registry = await openOn(new MemoryDriver())
  await assert.rejects(pushManifest(registry, 'team/app', indexOf(image)), { code: 'MANIFEST_BLOB_UNKNOWN', detail: image.digest })
  await pushImage(registry, 'team/app', image)
  await pushBlob(registry, 'team/app', other.manifest)
  await pushManifest(registry, 'team/app', indexOf(image, other), 'both')
  await pull(registry, 'team/app', 'both')
})

test('a manifest whose bytes have another digest than stated is refused', async () => {
  const registry = await openOn(new MemoryDriver())
  await assert.rejects(putManifest(registry, app, { bytes: image.manifest, digest: other.digest, tags: [] }), { code: 'DIGEST_INVALID' })
})

test('a manifest pushed under its sha512 is found under it', async () => {
  const registry = await openOn(new MemoryDriver())
  for (const blob of image.blobs) await pushBlob(registry, 'team/app', blob)
  const digest = digestOf(image.manifest, 'sha512')
  await putManifest(registry, app, { bytes: image.manifest, digest, tags: [latest] })
  assert.equal(await pull(registry, 'team/app', 'latest'), digest)
  assert.equal(await pull(registry, 'team/app', digest), digest)
  await assert.rejects(pull(registry, 'team/app', image.digest), { code: 'MANIFEST_UNKNOWN' })
})

test('one push sets several tags', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushImage(registry, 'team/app', image, 'a', 'b', 'c')
  assert.deepEqual((await listTags(registry, app, {})).tags, ['a', 'b', 'c'])
})

test('a tag that moves keeps its history on the volume, and the old manifest its digest', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushImage(registry, 'team/app', image, 'latest')
  await pushImage(registry, 'team/app', other, 'latest')
  assert.equal(await pull(registry, 'team/app', 'latest'), other.digest)
  assert.equal(await pull(registry, 'team/app', image.digest), image.digest)
  for (const { digest } of [image, other]) assert.equal((await driver.read(tagHistoryLink(app, latest, digest), 200))?.toString(), digest)
  assert.equal(rowsOf(registry).filter((row) => row.startsWith('tag_history ')).length, 2)
})

test('deleting a manifest takes its tags along, and no others', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushImage(registry, 'team/app', image, 'a', 'b', 'moved')
  await pushImage(registry, 'team/app', other, 'moved', 'c')
  await deleteManifest(registry, app, image.digest)
  assert.deepEqual((await listTags(registry, app, {})).tags, ['c', 'moved'])
  for (const gone of ['a', 'b', image.digest]) await assert.rejects(pull(registry, 'team/app', gone), { code: 'MANIFEST_UNKNOWN' })
  assert.equal(await driver.stat(tagFolder(app, parseTag('a'))), undefined)
  await assert.rejects(deleteManifest(registry, app, image.digest), { code: 'MANIFEST_UNKNOWN' })
  assert.equal(await pull(registry, 'team/app', 'moved'), other.digest)
})

test('a deleted manifest that was pushed as a blob too is gone as a blob', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushImage(registry, 'team/app', image)
  await pushBlob(registry, 'team/app', image.manifest)
  await deleteManifest(registry, app, image.digest)
  await assert.rejects(getBlob(registry, app, image.digest), { code: 'BLOB_UNKNOWN' })
  await assert.rejects(pull(registry, 'team/app', image.digest), { code: 'MANIFEST_UNKNOWN' })
})

test('a deleted manifest that another names as a layer stays there as a blob', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushImage(registry, 'team/app', image)
  await pushBlob(registry, 'team/app', image.manifest)
  const wrapping = imageOf('wrapping', [image.manifest])
  await pushImage(registry, 'team/app', wrapping, 'wrapping')
  await deleteManifest(registry, app, image.digest)
  assert.deepEqual(await readBlob(registry, 'team/app', image.digest), image.manifest)
})

test('a manifest that another repository has stays there', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushImage(registry, 'team/app', image, 'latest')
  await pushImage(registry, 'team/more', image, 'latest')
  await deleteManifest(registry, app, image.digest)
  assert.equal(await pull(registry, 'team/more', 'latest'), image.digest)
})

test('a deleted tag leaves its manifest, and may be pushed again', async () => {
  const driver = new MemoryDriver()
  const registry = await openOn(driver)
  await pushImage(registry, 'team/app', image, 'latest')
  await pushImage(registry, 'team/app', other, 'latest')
  await deleteTag(registry, app, latest)
  await assert.rejects(pull(registry, 'team/app', 'latest'), { code: 'MANIFEST_UNKNOWN' })
  await assert.rejects(deleteTag(registry, app, latest), { code: 'MANIFEST_UNKNOWN' })
  assert.equal(await pull(registry, 'team/app', other.digest), other.digest)
  await pushManifest(registry, 'team/app', image.manifest, 'latest')
  assert.equal(await pull(registry, 'team/app', 'latest'), image.digest)
  assert.equal(await driver.stat(tagHistoryLink(app, latest, other.digest)), undefined)
})

for (const [what, damage] of [
  ['gone', (driver: MemoryDriver, digest: Digest) => driver.removeFile(blobData(digest))],
  ['truncated', (driver: MemoryDriver, digest: Digest) => truncate(driver, blobData(digest))],
  ['altered', (driver: MemoryDriver, digest: Digest) => flipByte(driver, blobData(digest))],
] as const) {
  test(`a manifest that is ${what} is unknown to every repository that has it, until one push heals it for all`, async () => {
    const driver = new MemoryDriver()
    const first = await openOn(driver)
    for (const name of ['team/app', 'other']) await pushImage(first, name, image, 'latest')
    await damage(driver, image.digest)
    const registry = await openOn(driver)
    await settleAll(registry)
    for (const name of ['team/app', 'other'])
      for (const reference of ['latest', image.digest]) await assert.rejects(pull(registry, name, reference), { code: 'MANIFEST_UNKNOWN' })
    await pushManifest(registry, 'team/app', image.manifest, 'latest')
    for (const name of ['team/app', 'other']) assert.equal(await pull(registry, name, 'latest'), image.digest)
    const rebuilt = await openOn(driver)
    await settleAll(rebuilt)
    await settleAll(registry)
    assert.deepEqual(rowsOf(registry), rowsOf(rebuilt))
  })
}

for (const [what, path] of [
  ['revision link', revisionLink(app, image.digest)],
  ["tag's link", tagCurrentLink(app, latest)],
] as const) {
  test(`an empty ${what} makes what it stood for unknown, and a push mends it`, async () => {
    const driver = new MemoryDriver()
    await pushImage(await openOn(driver), 'team/app', image, 'latest')
    await writeFile(driver, path, '')
    const registry = await openOn(driver)
    await assert.rejects(pull(registry, 'team/app', 'latest'), { code: 'MANIFEST_UNKNOWN' })
    await pushManifest(registry, 'team/app', image.manifest, 'latest')
    assert.equal(await pull(registry, 'team/app', 'latest'), image.digest)
  })
}

test('manifests that an old Distribution linked as layers are served, and can be deleted', async () => {
  const driver = new MemoryDriver()
  await pushImage(await openOn(driver), 'team/app', image, 'latest')
  await driver.removeFile(revisionLink(app, image.digest))
  await writeFile(driver, layerLink(app, image.digest), image.digest)
  const registry = await openOn(driver)
  assert.equal(await pull(registry, 'team/app', 'latest'), image.digest)
  await deleteManifest(registry, app, image.digest)
  await assert.rejects(pull(registry, 'team/app', 'latest'), { code: 'MANIFEST_UNKNOWN' })
})

test('a layer that is no manifest is not served as one', async () => {
  const registry = await openOn(new MemoryDriver())
  const digest = await pushBlob(registry, 'team/app', '{"schemaVersion":2}')
  await assert.rejects(pull(registry, 'team/app', digest), { code: 'MANIFEST_UNKNOWN' })
})

test('a deleted layer of a manifest is told when the manifest is pushed again', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushImage(registry, 'team/app', image, 'latest')
  const layer = digestOf(image.blobs[1] ?? '')
  await deleteBlob(registry, app, layer)
  await assert.rejects(pushManifest(registry, 'team/app', image.manifest, 'latest'), { code: 'MANIFEST_BLOB_UNKNOWN', detail: layer })
})

test('once nothing may be written, manifests are pulled and neither pushed nor deleted', async () => {
  const registry = await openOn(new MemoryDriver())
  await pushImage(registry, 'team/app', image, 'latest')
  registry.standing.refusal = 'the lock was lost'
  assert.equal(await pull(registry, 'team/app', 'latest'), image.digest)
  const refused = { code: 'UNAVAILABLE', status: 503 }
  await assert.rejects(pushManifest(registry, 'team/app', image.manifest, 'other'), refused)
  await assert.rejects(deleteManifest(registry, app, image.digest), refused)
  await assert.rejects(deleteTag(registry, app, latest), refused)
})
