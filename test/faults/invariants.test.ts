import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { IndexDatabase } from '../../src/metadata/connect.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseReference, parseTag } from '../../src/oci/reference.ts'
import { deleteBlob, getBlob, mountBlob } from '../../src/registry/blobs.ts'
import { deleteManifest, getManifest, putManifest } from '../../src/registry/manifests.ts'
import { listReferrers } from '../../src/registry/referrers.ts'
import { closeRegistry, type Registry } from '../../src/registry/registry.ts'
import { deleteTag, listTags } from '../../src/registry/tags.ts'
import { appendToUpload, finishUpload, getUpload, putBlob, startUpload } from '../../src/registry/uploads.ts'
import { blobData, parentOf, V2 } from '../../src/volume/layout.ts'
import { MemoryDriver } from '../../src/volume/memory.ts'
import { randomBy } from '../support/choices.ts'
import { Client } from '../support/client.ts'
import { cutEverywhere } from '../support/cuts.ts'
import { failing } from '../support/failing.ts'
import { rebuiltRows } from '../support/failures.ts'
import { imageOf } from '../support/images.ts'
import { intercepted, type Operation } from '../support/intercepted.ts'
import { Ledger } from '../support/ledger.ts'
import { emptyIndex, openOn } from '../support/on-driver.ts'
import { fingerprint, PowerCutDriver } from '../support/power-cut.ts'
import { recording } from '../support/recording.ts'
import { rowsOf, verifyPromises } from '../support/verify.ts'
import { scenarios } from './scenarios.ts'

const APP = parseRepositoryName('team/app')
const first = imageOf('first')
const second = imageOf('second')
const [config, layer] = first.blobs as [Buffer, Buffer]

/** A volume that notes its changes and, between them, commits of rows and answers. */
async function noted(): Promise<{ registry: Registry; operations: (Operation | string)[]; note(word: string): void }> {
  const { driver, operations, note } = recording(new MemoryDriver())
  const index = (): IndexDatabase => {
    const database = emptyIndex()
    const transaction = database.transaction.bind(database)
    database.transaction = (work) => {
      const result = transaction(work)
      note('rows')
      return result
    }
    return database
  }
  return { registry: await openOn(driver, { index }), operations, note }
}

const isOperation = (entry: Operation | string): entry is Operation => typeof entry !== 'string'

for (const [what, push] of [
  ['a blob', (client) => client.pushBlob(Buffer.from('a new blob'))],
  ['a manifest with a new tag', (client) => client.putManifest(first, 'new')],
  ['a manifest that takes over a tag', (client) => client.putManifest(second, 'latest')],
] as const satisfies readonly (readonly [string, (client: Client) => Promise<void>])[]) {
  test(`I1: before ${what} is acknowledged, its bytes are synced, then renamed, then its folders synced, then its rows committed`, async () => {
    const { registry, operations } = await noted()
    const client = new Client(registry, new Ledger(), APP)
    for (const blob of second.blobs) await client.pushBlob(blob)
    await client.pushImage(first, 'latest')
    const start = operations.length
    await push(client)
    const during = operations.slice(start)
    const rows = during.lastIndexOf('rows')
    const renames = during.flatMap((entry, at) =>
      isOperation(entry) && entry.name === 'rename' && entry.to?.startsWith(V2) ? [{ from: entry.path, to: entry.to, at }] : [],
    )
    assert.ok(renames.length > 0 && rows > 0)
    for (const { from, to, at } of renames) {
      const [bytes, folder] = [
        during.findIndex((entry) => isOperation(entry) && entry.name === 'sync' && entry.path.startsWith(from)),
        syncAfter(during, at, parentOf(to)),
      ]
      assert.ok(bytes >= 0 && bytes < at, `${to} was renamed before its bytes were synced`)
      assert.ok(folder > at && folder < rows, `the folder of ${to} was not synced between the rename and the rows`)
    }
    assert.ok(
      during.slice(rows).every((entry) => !isOperation(entry) || !entry.to),
      'something was renamed after the rows were committed',
    )
    closeRegistry(registry)
  })
}

test('I1: blobs come before links, revisions before tags, and each is durable before the next', async () => {
  const { registry, operations } = await noted()
  await new Client(registry, new Ledger(), APP).pushImage(first, 'latest')
  const renamed = operations.flatMap((entry, at) => (isOperation(entry) && entry.name === 'rename' && entry.to?.startsWith(V2) ? [{ to: entry.to, at }] : []))
  const kinds = renamed.map(({ to }) =>
    to.includes('/blobs/sha256/')
      ? 'blob'
      : to.includes('/_layers/')
        ? 'layer'
        : to.includes('/revisions/')
          ? 'revision'
          : to.includes('/tags/')
            ? 'tag'
            : 'probe',
  )
  assert.deepEqual(
    kinds.filter((kind) => kind !== 'probe'),
    ['blob', 'layer', 'blob', 'layer', 'blob', 'revision', 'tag'],
  )
  for (const [number, { to, at }] of renamed.entries()) {
    const next = renamed[number + 1]?.at ?? operations.length
    if (!to.includes('_lacre-probe')) assert.ok(syncAfter(operations, at, parentOf(to)) < next, `${to} was not durable before the next step`)
  }
  closeRegistry(registry)
})

function syncAfter(operations: readonly (Operation | string)[], at: number, folder: string): number {
  return operations.findIndex((entry, number) => number > at && isOperation(entry) && entry.name === 'syncFolder' && entry.path === folder)
}

test('I2: a link is renamed into place only when the bytes it names are durable', async () => {
  const volume = new PowerCutDriver()
  let links = 0
  const watched = intercepted(volume, async (operation, proceed) => {
    if (operation.to?.endsWith('/link')) {
      const digest = String(await volume.read(operation.path, 200)) as Digest
      const [worst] = [...volume.survivors({ limit: 1, seed: 1 })]
      assert.equal(digestOf((await worst?.read(blobData(digest), 10_000)) ?? ''), digest)
      links++
    }
    return await proceed()
  })
  const registry = await openOn(watched)
  await new Client(registry, new Ledger(), APP).pushImage(first, 'latest')
  await new Client(registry, new Ledger(), 'other/app').mount(digestOf(layer), APP)
  assert.equal(links, 4)
  closeRegistry(registry)
})

test('I3: after a power cut anywhere, with nothing or everything that was not synced, a start needs no help', async () => {
  for (const name of ['the first push of a repository', 'the deletion of a tag']) {
    const scenario = scenarios[name]
    assert.ok(scenario && (await cutEverywhere(scenario, { limit: 2, seed: 1 })).cuts > 100)
  }
})

test('I4: after a thousand random changes the rows equal those rebuilt from a copy, and every promise holds', async () => {
  const volume = new PowerCutDriver()
  const registry = await openOn(volume)
  const ledger = new Ledger()
  const random = randomBy(7)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  const images = ['a', 'b', 'c', 'd'].map((name) => imageOf(name, [Buffer.from('shared layer'), Buffer.from(`own layer of ${name}`)]))
  for (let step = 0; step < 1000; step++) {
    const client = new Client(registry, ledger, pick(['one', 'one/below', 'two']))
    const image = pick(images)
    const change = pick([
      () => client.pushImage(image, pick(['x', 'y', 'z'])),
      () => client.putManifest(image, pick(['x', 'y'])),
      () => client.deleteTag(pick(['x', 'y', 'z'])),
      () => client.deleteManifest(image.digest, 'x', 'y', 'z'),
      () => client.deleteBlob(digestOf(pick(image.blobs))),
      () => client.mount(digestOf(pick(image.blobs)), 'two'),
    ])
    await change().catch(unlessRefused)
  }
  await verifyPromises(registry, ledger)
  assert.deepEqual(rowsOf(registry), await rebuiltRows(volume))
  closeRegistry(registry)
})

function unlessRefused(error: { status?: number }): void {
  if (!error.status || error.status >= 500) throw error
}

test('I5: what a push leaves below docker/ is Distribution’s layout and nothing else', async () => {
  const volume = new MemoryDriver()
  const registry = await openOn(volume)
  await new Client(registry, new Ledger(), APP).pushImage(first, 'latest')
  const hexes = new Map([config, layer, first.manifest].map((bytes, number) => [digestOf(bytes).slice(7), ['CONFIG', 'LAYER', 'MANIFEST'][number] ?? '']))
  const paths = (await filesBelow(volume, V2)).map((path) =>
    path.replaceAll(/[0-9a-f]{64}/g, (hex) => hexes.get(hex) ?? hex).replace(/sha256\/[0-9a-f]{2}\//, ''),
  )
  assert.deepEqual(paths.map((path) => path.slice(V2.length + 1)).sort(), [
    ...['CONFIG', 'LAYER', 'MANIFEST'].map((name) => `blobs/${name}/data`),
    ...['CONFIG', 'LAYER'].map((name) => `repositories/team/app/_layers/sha256/${name}/link`),
    'repositories/team/app/_manifests/revisions/sha256/MANIFEST/link',
    'repositories/team/app/_manifests/tags/latest/current/link',
    'repositories/team/app/_manifests/tags/latest/index/sha256/MANIFEST/link',
  ])
  closeRegistry(registry)
})

async function filesBelow(driver: MemoryDriver, folder: string): Promise<string[]> {
  const entries = await driver.list(folder)
  const below = await Promise.all(entries.map(({ name, kind }) => (kind === 'file' ? [`${folder}/${name}`] : filesBelow(driver, `${folder}/${name}`))))
  return below.flat()
}

test('I6: bytes with another digest are never stored', async () => {
  const volume = new MemoryDriver()
  const registry = await openOn(volume)
  await assert.rejects(putBlob(registry, APP, digestOf(layer), { body: Readable.from([config]) }), { code: 'DIGEST_INVALID' })
  await assert.rejects(putManifest(registry, APP, { bytes: first.manifest, digest: second.digest, tags: [] }), { code: 'DIGEST_INVALID' })
  assert.deepEqual(await filesBelow(volume, V2), [])
  closeRegistry(registry)
})

test('I6: a damaged manifest is not served, and the next push of it heals it', async () => {
  const volume = new MemoryDriver()
  const earlier = await openOn(volume)
  await new Client(earlier, new Ledger(), APP).pushImage(first, 'latest')
  closeRegistry(earlier)
  await overwrite(volume, blobData(first.digest), 'not the manifest')
  const registry = await openOn(volume)
  await assert.rejects(getManifest(registry, APP, parseReference('latest')), { code: 'MANIFEST_UNKNOWN' })
  await putManifest(registry, APP, { bytes: first.manifest, tags: [parseTag('latest')] })
  assert.deepEqual((await getManifest(registry, APP, parseReference('latest'))).bytes, first.manifest)
  closeRegistry(registry)
})

async function overwrite(driver: MemoryDriver, path: string, text: string): Promise<void> {
  await driver.removeFile(path)
  const handle = await driver.openWrite(path, { create: true })
  await handle.write([Buffer.from(text)])
  await handle.close()
}

test('I6: a chunk of which nothing could be written can be sent again', async () => {
  const { driver, failAt } = failing(new MemoryDriver(), 'EIO')
  const registry = await openOn(driver)
  const { id } = await startUpload(registry, APP)
  await appendToUpload(registry, APP, id, { body: Readable.from([layer.subarray(0, 5)]) })
  failAt(1) // the file is opened, then written
  await assert.rejects(appendToUpload(registry, APP, id, { body: Readable.from([layer.subarray(5)]) }), { code: 'EIO' })
  assert.equal((await getUpload(registry, APP, id)).offset, 5)
  const blob = await finishUpload(registry, APP, id, { digest: digestOf(layer), chunk: { body: Readable.from([layer.subarray(5)]), offset: 5 } })
  assert.equal(blob.size, layer.byteLength)
  closeRegistry(registry)
})

test('I7: requests for what does not exist leave nothing behind', async () => {
  const volume = new MemoryDriver()
  const registry = await openOn(volume)
  const before = [fingerprint(volume), countRows(registry)]
  const [digest, reference] = [digestOf('nothing'), parseReference('none')]
  for (let number = 0; number < 50; number++) {
    const name = parseRepositoryName(`none/${number}`)
    const asked = [
      () => getManifest(registry, name, reference),
      () => getBlob(registry, name, digest),
      () => listTags(registry, name, {}),
      () => listReferrers(registry, name, digest, {}),
      () => deleteTag(registry, name, parseTag('none')),
      () => deleteManifest(registry, name, digest),
      () => deleteBlob(registry, name, digest),
      () => mountBlob(registry, name, digest, APP),
      () => getUpload(registry, name, 'none'),
      () => putManifest(registry, name, { bytes: first.manifest, tags: [] }),
    ]
    for (const ask of asked) await ask().catch(unlessRefused)
  }
  assert.deepEqual([fingerprint(volume), countRows(registry)], before)
  assert.equal(registry.locks.digest.size + registry.locks.repository.size + registry.settlement.settled.size, 0)
  closeRegistry(registry)
})

function countRows(registry: Registry): number {
  return registry.rows.read((index) => index.all(index.build.selectFrom('repository').selectAll()).length)
}

test('I7: an upload holds at most two pieces of 1 MiB that are not written yet', async () => {
  const counts = { sent: 0, written: 0, most: 0 }
  const slow = intercepted(new MemoryDriver(), async (operation, proceed) => {
    if (operation.name === 'write') await new Promise((resolve) => setImmediate(resolve))
    const result = await proceed()
    if (operation.name === 'write') counts.written = counts.sent
    return result
  })
  const registry = await openOn(slow)
  const piece = Buffer.alloc(64 * 1024)
  const body = Readable.from(
    (function* () {
      for (let number = 0; number < 256; number++) {
        counts.sent += piece.byteLength
        counts.most = Math.max(counts.most, counts.sent - counts.written)
        yield piece
      }
    })(),
  )
  await putBlob(registry, APP, digestOf(Buffer.alloc(256 * piece.byteLength)), { body })
  assert.ok(counts.most <= 4 * 1024 * 1024, `${counts.most} bytes were held`)
  closeRegistry(registry)
})
