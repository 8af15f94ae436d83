import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flipByte, truncate, writeFile } from '../../test/support/edit-volume.ts'
import { imageOf } from '../../test/support/images.ts'
import { intercepted } from '../../test/support/intercepted.ts'
import { openOn } from '../../test/support/on-driver.ts'
import { pull, pushBlob, pushImage, readBlob, repo } from '../../test/support/push.ts'
import { digestOf } from '../oci/digest.ts'
import { parseTag } from '../oci/reference.ts'
import {
  blobData,
  layerLink,
  manifestsFolder,
  parentOf,
  repositoryFolder,
  revisionLink,
  tagCurrentLink,
  tagFolder,
  tagHistoryLink,
  tagsFolder,
} from '../volume/layout.ts'
import { MemoryDriver, systemError } from '../volume/memory.ts'
import { checkVolume, type Finding } from './check.ts'
import { collectGarbage } from './collect-garbage.ts'
import { listRepositories } from './repositories.ts'
import { settleAll } from './settle.ts'
import { deleteTagRows } from './tag-rows.ts'

const app = repo('team/app')
const image = imageOf('first')
const layer = digestOf(image.blobs[1] ?? '')
const latest = parseTag('latest')
const hello = digestOf('hello')

async function findings(driver: ConstructorParameters<typeof Object>[0], options: { readonly bytes?: boolean } = {}): Promise<Finding[]> {
  const found: Finding[] = []
  const count = await checkVolume(await openOn(driver as MemoryDriver), { ...options, onFinding: (finding) => found.push(finding) })
  assert.equal(count, found.length)
  return found
}

const told = (found: readonly Finding[]): string[] => found.map(({ kind, path }) => `${kind} ${path}`)

async function filled(): Promise<MemoryDriver> {
  const driver = new MemoryDriver()
  await pushImage(await openOn(driver), 'team/app', image, 'latest')
  return driver
}

test('a volume in order has no findings, whole bytes included', async () => {
  assert.deepEqual(await findings(await filled(), { bytes: true }), [])
})

interface Damage {
  readonly what: string
  readonly harm: (driver: MemoryDriver) => Promise<unknown>
  readonly told: readonly string[]
  readonly bytes?: boolean
}

const damages: readonly Damage[] = [
  {
    what: 'an empty layer link',
    harm: (driver) => writeFile(driver, layerLink(app, layer), ''),
    told: [`damaged ${layerLink(app, layer)}`, `missing ${blobData(layer)}`],
  },
  {
    what: 'an empty revision link',
    harm: (driver) => writeFile(driver, revisionLink(app, image.digest), ''),
    told: [`damaged ${revisionLink(app, image.digest)}`],
  },
  { what: "a tag's empty link", harm: (driver) => writeFile(driver, tagCurrentLink(app, latest), ''), told: [`damaged ${tagCurrentLink(app, latest)}`] },
  {
    what: 'an empty link in the history of a tag, of either algorithm',
    harm: async (driver) => {
      await writeFile(driver, tagHistoryLink(app, latest, hello), '')
      await writeFile(driver, tagHistoryLink(app, latest, digestOf('hello', 'sha512')), 'no digest')
    },
    told: [`damaged ${tagHistoryLink(app, latest, hello)}`, `damaged ${tagHistoryLink(app, latest, digestOf('hello', 'sha512'))}`],
  },
  {
    what: 'a tag folder without a link',
    harm: (driver) => driver.makeFolder(tagFolder(app, parseTag('bare'))),
    told: [`damaged ${tagFolder(app, parseTag('bare'))}`],
  },
  { what: 'a folder that no tag could have', harm: (driver) => driver.makeFolder(`${tagsFolder(app)}/.x`), told: [`orphaned ${tagsFolder(app)}/.x`] },
  {
    what: 'a stray file',
    harm: (driver) => writeFile(driver, `${manifestsFolder(app)}/revisions/1.tmp`, ''),
    told: [`orphaned ${manifestsFolder(app)}/revisions/1.tmp`],
  },
  {
    what: 'missing bytes of a layer',
    harm: (driver) => driver.removeFile(blobData(layer)),
    told: [`missing ${blobData(layer)}`, `missing ${blobData(layer)}`, `orphaned ${parentOf(blobData(layer))}`],
  },
  {
    what: 'missing bytes of a manifest',
    harm: (driver) => driver.removeFile(blobData(image.digest)),
    told: [`missing ${blobData(image.digest)}`, `missing ${tagCurrentLink(app, latest)}`, `orphaned ${parentOf(blobData(image.digest))}`],
  },
  {
    what: 'a manifest with a flipped byte',
    harm: (driver) => flipByte(driver, blobData(image.digest)),
    told: [`damaged ${blobData(image.digest)}`, `damaged ${blobData(image.digest)}`],
  },
  { what: 'bytes that nothing names', harm: (driver) => writeFile(driver, blobData(hello), 'hello'), told: [`orphaned ${blobData(hello)}`] },
  { what: 'a truncated layer, when bytes are read', bytes: true, harm: (driver) => truncate(driver, blobData(layer)), told: [`damaged ${blobData(layer)}`] },
  {
    what: 'a flipped byte in a layer, when bytes are read',
    bytes: true,
    harm: (driver) => flipByte(driver, blobData(layer)),
    told: [`damaged ${blobData(layer)}`],
  },
]

for (const { what, harm, told: expected, bytes } of damages) {
  test(`a check names ${what}, and nothing else`, async () => {
    const driver = await filled()
    await harm(driver)
    const found = await findings(driver, bytes ? { bytes } : {})
    assert.deepEqual(told(found), expected)
    for (const { sentence } of found) assert.match(sentence, /^[a-z0-9].{10,}/)
  })
}

test('a flipped byte in a layer is not seen without reading bytes', async () => {
  const driver = await filled()
  await flipByte(driver, blobData(layer))
  assert.deepEqual(await findings(driver), [])
})

test('a row that says something else than the volume is named and mended', async () => {
  const driver = await filled()
  const registry = await openOn(driver)
  await settleAll(registry)
  registry.rows.change((index) => deleteTagRows(index, 1, latest))
  const found: Finding[] = []
  const onFinding = (finding: Finding) => found.push(finding)
  assert.equal(await checkVolume(registry, { onFinding }), 1)
  assert.deepEqual([found[0]?.kind, found[0]?.repository], ['row', 'team/app'])
  assert.equal(await checkVolume(registry, { onFinding }), 0)
})

test('what was found damaged is told again without reading all bytes, until it is put right by hand', async () => {
  const driver = await filled()
  await flipByte(driver, blobData(layer))
  const registry = await openOn(driver)
  const found: Finding[] = []
  const check = (bytes: boolean) => checkVolume(registry, { bytes, onFinding: (finding) => found.push(finding) })
  assert.equal(await check(true), 1)
  assert.equal(await check(false), 2) // and the manifest that names it
  await flipByte(driver, blobData(layer))
  assert.equal(await check(false), 0)
  assert.deepEqual(await readBlob(registry, 'team/app', layer), image.blobs[1])
})

for (const [what, path] of [
  ['layer link', layerLink(app, layer)],
  ['revision link', revisionLink(app, image.digest)],
  ["tag's link", tagCurrentLink(app, latest)],
  ['blob', blobData(layer)],
  ['manifest', blobData(image.digest)],
  ['history', parentOf(tagHistoryLink(app, latest, image.digest))],
] as const) {
  test(`a ${what} that the disk does not give is named, and the check goes on to what else is wrong`, async () => {
    const driver = await filled()
    await writeFile(driver, blobData(hello), 'hello')
    await pushBlob(await openOn(driver), 'other', 'x')
    const faulty = intercepted(driver, async (operation, proceed) => {
      if (['read', 'openRead', 'list'].includes(operation.name) && operation.path.startsWith(path)) throw systemError('EIO', operation.name, operation.path)
      return await proceed()
    })
    const found = await findings(faulty, { bytes: true })
    assert.ok(
      found.some(({ kind, path: named, sentence }) => kind === 'damaged' && path.startsWith(named) && sentence.includes('EIO')),
      JSON.stringify(found),
    )
    assert.ok(told(found).includes(`orphaned ${blobData(hello)}`))
  })
}

test('one link that the disk does not give takes nothing else of its repository along', async () => {
  const driver = await filled()
  const second = imageOf('second')
  await pushImage(await openOn(driver), 'team/app', second, 'other')
  const faulty = intercepted(driver, async (operation, proceed) => {
    if (operation.name === 'read' && [tagCurrentLink(app, latest), revisionLink(app, image.digest), layerLink(app, layer)].includes(operation.path))
      throw systemError('EIO', 'read', operation.path)
    return await proceed()
  })
  const registry = await openOn(faulty)
  await settleAll(registry)
  assert.equal(await pull(registry, 'team/app', 'other'), second.digest)
  await pushImage(registry, 'team/app', imageOf('third'), 'third')
})

test('a folder that cannot be looked into is named, hides nothing else, and nothing is collected meanwhile', async () => {
  const driver = await filled()
  await pushImage(await openOn(driver), 'closed', image, 'latest')
  const closed = intercepted(driver, async ({ name, path }, proceed) => {
    if (name === 'list' && path === repositoryFolder(repo('closed'))) throw systemError('EACCES', 'scandir', path)
    return proceed()
  })
  const registry = await openOn(closed)
  assert.deepEqual((await listRepositories(registry, { limit: 10 })).repositories, ['team/app'])
  assert.equal(await pull(registry, 'closed', 'latest'), image.digest)
  assert.deepEqual(told(await findings(closed)), [`damaged ${repositoryFolder(repo('closed'))}`])
  await assert.rejects(collectGarbage(registry, { graceMs: 0, isServing: false }), { name: 'CollectionRefusedError' })
})
