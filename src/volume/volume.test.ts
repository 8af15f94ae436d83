import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { filesBelow, writeFile } from '../../test/support/edit-volume.ts'
import { formatOperation, intercepted } from '../../test/support/intercepted.ts'
import { recording } from '../../test/support/recording.ts'
import { digestOf } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { BlobStore } from './blobs.ts'
import type { Driver } from './driver.ts'
import { BLOBS, blobData, blobFolder, REPOSITORIES, STAGING, TRASH } from './layout.ts'
import { MemoryDriver, systemError } from './memory.ts'
import { UploadStore } from './uploads.ts'
import { Volume } from './volume.ts'

const hello = digestOf('hello')
const bytes = Buffer.from('hello')

/** What was done since the last call, with the names of staged files as `*`. */
async function openRecorded(driver: Driver = new MemoryDriver()) {
  const recorded = recording(driver)
  const volume = new Volume(recorded.driver)
  await volume.open()
  recorded.operations.length = 0
  const done = (): string[] => {
    const lines = recorded.operations.splice(0).map((operation) => (typeof operation === 'string' ? operation : formatOperation(operation)))
    return lines.map((line) => line.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '*'))
  }
  return { volume, driver, done }
}

/** A driver on which each of these folders is a mount of its own: nothing is renamed from one to another. */
function split(driver: Driver, ...mounts: readonly string[]): Driver {
  const mountOf = (path: string): string => mounts.find((mount) => path.startsWith(`${mount}/`)) ?? ''
  return intercepted(driver, async (operation, proceed) => {
    if (operation.name === 'rename' && mountOf(operation.path) !== mountOf(operation.to ?? '')) throw systemError('EXDEV', 'rename', operation.path)
    return await proceed()
  })
}

test('bytes are synced before they are renamed, and every folder up to the first durable one after', async () => {
  const { volume, done } = await openRecorded()
  await volume.place(await volume.stage('blobs', bytes), blobData(hello))
  const [folder, prefix] = [blobFolder(hello), `${BLOBS}/sha256/2c`]
  const lines = done()
  assert.deepEqual(lines.slice(0, 6), [
    `openWrite ${STAGING}/*`,
    `write ${STAGING}/*`,
    `sync ${STAGING}/*`,
    `makeFolder ${folder}`,
    `rename ${STAGING}/* ${folder}/data`,
    `syncFolder ${folder}`,
  ])
  const above = [prefix, `${BLOBS}/sha256`, BLOBS, 'docker/registry/v2', 'docker/registry', 'docker', '']
  assert.deepEqual(
    lines.slice(6),
    above.map((path) => `syncFolder ${path}`),
  )
})

test('a folder whose entry this process has synced is not synced again', async () => {
  const { volume, done } = await openRecorded()
  await volume.place(await volume.stage('repositories', bytes), `${REPOSITORIES}/a/one/link`)
  done()
  await volume.place(await volume.stage('repositories', bytes), `${REPOSITORIES}/a/two/link`)
  assert.deepEqual(done().slice(4), [`rename ${STAGING}/* ${REPOSITORIES}/a/two/link`, `syncFolder ${REPOSITORIES}/a/two`, `syncFolder ${REPOSITORIES}/a`])
  await volume.place(await volume.stage('repositories', bytes), `${REPOSITORIES}/a/two/link`)
  assert.deepEqual(done().slice(4), [`rename ${STAGING}/* ${REPOSITORIES}/a/two/link`, `syncFolder ${REPOSITORIES}/a/two`])
})

test('a folder that was retired and comes back is synced anew', async () => {
  const { volume, done } = await openRecorded()
  const link = `${REPOSITORIES}/a/tag/current/link`
  await volume.place(await volume.stage('repositories', bytes), link)
  await volume.retire('repositories', `${REPOSITORIES}/a/tag`)
  done()
  await volume.place(await volume.stage('repositories', bytes), link)
  assert.deepEqual(done().slice(5), [`syncFolder ${REPOSITORIES}/a/tag/current`, `syncFolder ${REPOSITORIES}/a/tag`, `syncFolder ${REPOSITORIES}/a`])
})

test('a retired folder leaves the tree in one step, durably, before anything in it goes', async () => {
  const { volume, done } = await openRecorded()
  await volume.place(await volume.stage('repositories', bytes), `${REPOSITORIES}/a/tag/current/link`)
  done()
  assert.equal(await volume.retire('repositories', `${REPOSITORIES}/a/tag`), true)
  assert.deepEqual(done(), [
    `rename ${REPOSITORIES}/a/tag ${TRASH}/*`,
    `syncFolder ${REPOSITORIES}/a`,
    `syncFolder ${TRASH}`,
    `removeFile ${TRASH}/*/current/link`,
    `removeFolder ${TRASH}/*/current`,
    `removeFolder ${TRASH}/*`,
  ])
  assert.equal(await volume.retire('repositories', `${REPOSITORIES}/a/tag`), false)
})

test('a removed link is durably gone before its folder goes, and shared folders stay', async () => {
  const { volume, driver, done } = await openRecorded()
  await volume.place(await volume.stage('repositories', bytes), `${REPOSITORIES}/a/_layers/sha256/x/link`)
  done()
  assert.equal(await volume.removeLink(`${REPOSITORIES}/a/_layers/sha256/x/link`), true)
  const folder = `${REPOSITORIES}/a/_layers/sha256/x`
  assert.deepEqual(done(), [`removeFile ${folder}/link`, `syncFolder ${folder}`, `removeFolder ${folder}`])
  assert.equal((await driver.stat(`${REPOSITORIES}/a/_layers/sha256`))?.kind, 'folder')
  assert.equal(await volume.removeLink(`${folder}/link`), false)
})

test('a start makes durable what a crash left, and clears our own folders alone', async () => {
  const driver = new MemoryDriver()
  const left = [`${STAGING}/1`, `${TRASH}/2/data`, `${BLOBS}/_lacre/3`, `${REPOSITORIES}/_lacre/4/link`, `${REPOSITORIES}/_lacre-probe`]
  const kept = [`${REPOSITORIES}/a/_uploads/1/data`, `${BLOBS}/sha256/2c/x/data`, 'lacre/state/keep', 'somebody/else']
  for (const path of [...left, ...kept]) await writeFile(driver, path, 'x')
  const recorded = recording(driver)
  await new Volume(recorded.driver).open()
  assert.deepEqual(await filesBelow(driver, 'docker'), kept.slice(0, 2).toSorted())
  assert.deepEqual(await filesBelow(driver, 'lacre'), ['lacre/state/keep'])
  const names = recorded.operations.map((operation) => (typeof operation === 'string' ? '' : operation.name))
  assert.ok(names.indexOf('syncAll') >= 0 && names.indexOf('syncAll') < names.indexOf('removeFile'))
})

for (const [what, mounts, beside] of [
  ['blobs', [BLOBS], { blobs: `${BLOBS}/_lacre`, repositories: STAGING }],
  ['repositories', [REPOSITORIES], { blobs: STAGING, repositories: `${REPOSITORIES}/_lacre` }],
  ['each tree', [BLOBS, REPOSITORIES], { blobs: `${BLOBS}/_lacre`, repositories: `${REPOSITORIES}/_lacre` }],
  ['both trees together', ['docker'], { blobs: `${BLOBS}/_lacre`, repositories: `${REPOSITORIES}/_lacre` }],
] as const) {
  test(`with ${what} on a mount of its own, files are staged beside their target`, async () => {
    const driver = new MemoryDriver()
    const { volume, done } = await openRecorded(split(driver, ...mounts))
    for (const [tree, target] of [
      ['blobs', blobData(hello)],
      ['repositories', `${REPOSITORIES}/a/tag/link`],
    ] as const) {
      const staged = await volume.stage(tree, bytes)
      assert.equal(staged.slice(0, staged.lastIndexOf('/')), beside[tree])
      await volume.place(staged, target)
      assert.deepEqual(await driver.read(target, 10), bytes)
    }
    done()
    assert.equal(await volume.retire('repositories', `${REPOSITORIES}/a/tag`), true)
    assert.match(done()[0] ?? '', /^rename /)
    assert.deepEqual(await filesBelow(driver, REPOSITORIES), [])
  })
}

test('a folder that cannot be renamed, as those of an image, is removed where it is', async () => {
  const driver = new MemoryDriver()
  let isLower = false
  const overlay = intercepted(driver, async (operation, proceed) => {
    if (isLower && operation.name === 'rename') throw systemError('EXDEV', 'rename', operation.path)
    return await proceed()
  })
  const { volume } = await openRecorded(overlay)
  await volume.place(await volume.stage('repositories', bytes), `${REPOSITORIES}/a/tag/current/link`)
  isLower = true
  assert.equal(await volume.retire('repositories', `${REPOSITORIES}/a/tag`), true)
  assert.equal(await driver.stat(`${REPOSITORIES}/a/tag`), undefined)
})

test('what fails leaves nothing staged', async () => {
  const driver = new MemoryDriver()
  let failing = ''
  const faulty = intercepted(driver, async (operation, proceed) => {
    if (operation.name === failing) throw systemError('EIO', operation.name, operation.path)
    return await proceed()
  })
  const { volume } = await openRecorded(faulty)
  for (failing of ['write', 'sync', 'makeFolder', 'rename'])
    await assert.rejects(
      volume.stage('blobs', bytes).then((staged) => volume.place(staged, blobData(hello))),
      { code: 'EIO' },
    )
  assert.deepEqual(await filesBelow(driver, STAGING), [])
})

/** An upload of `hello`, and the path of its bytes. */
async function uploaded(volume: Volume): Promise<string> {
  const uploads = new UploadStore(volume)
  const repository = parseRepositoryName('a')
  const id = await uploads.create(repository, 'sha256', 0)
  await uploads.append(repository, id, { body: Readable.from([bytes]) })
  return (await uploads.seal(repository, id, 'sha256')).path
}

test('an upload on another mount than the blobs is copied over, synced, and renamed there', async () => {
  const driver = new MemoryDriver()
  const { volume, done } = await openRecorded(split(driver, BLOBS))
  const path = await uploaded(volume)
  done()
  await new BlobStore(volume).commit(path, hello, 5)
  const lines = done()
  const [synced, renamed] = [lines.indexOf(`sync ${BLOBS}/_lacre/*`), lines.indexOf(`rename ${BLOBS}/_lacre/* ${blobData(hello)}`)]
  assert.ok(synced > 0 && renamed > synced, lines.join('\n'))
  assert.deepEqual(await driver.read(blobData(hello), 10), bytes)
  assert.equal(await driver.stat(path), undefined)
})

test('a copy to the mount of the blobs that fails leaves nothing there', async () => {
  const driver = new MemoryDriver()
  const full = intercepted(split(driver, BLOBS), async (operation, proceed) => {
    if (operation.name === 'write' && operation.path.startsWith(BLOBS)) throw systemError('ENOSPC', 'write', operation.path)
    return await proceed()
  })
  const { volume } = await openRecorded(full)
  await assert.rejects(new BlobStore(volume).commit(await uploaded(volume), hello, 5), { code: 'ENOSPC' })
  assert.deepEqual(await filesBelow(driver, BLOBS), [])
})

test('bytes that this process has verified are not replaced, others are', async () => {
  const { volume, driver, done } = await openRecorded()
  await writeFile(driver, blobData(hello), 'HELLO')
  const blobs = new BlobStore(volume)
  for (const isReplaced of [true, false]) {
    const staged = await volume.stage('blobs', bytes)
    done()
    await blobs.commit(staged, hello, 5)
    assert.equal(
      done().some((line) => line.startsWith('rename')),
      isReplaced,
    )
    assert.deepEqual(await driver.read(blobData(hello), 10), bytes)
  }
  assert.deepEqual(await filesBelow(driver, STAGING), [])
  blobs.distrust(hello)
  await blobs.commit(await volume.stage('blobs', bytes), hello, 5)
  assert.ok(done().some((line) => line.startsWith('rename')))
})
