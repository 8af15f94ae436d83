import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeFile } from '../../test/support/edit-volume.ts'
import { intercepted } from '../../test/support/intercepted.ts'
import { digestOf } from '../oci/digest.ts'
import { Links } from './links.ts'
import { MemoryDriver, systemError } from './memory.ts'
import { Volume } from './volume.ts'

const [one, two] = [digestOf('one'), digestOf('two')]
const path = 'docker/registry/v2/repositories/a/_manifests/tags/latest/current/link'

/** Links over memory; `reads` counts, and a read waits for what `gate` returns once it has its bytes. */
async function open() {
  const driver = new MemoryDriver()
  const seen = { reads: 0, damaged: [] as string[], gate: async () => undefined as unknown, fault: '' }
  const watched = intercepted(driver, async (operation, proceed) => {
    if (operation.name !== 'read') return await proceed()
    seen.reads++
    if (seen.fault) throw systemError(seen.fault, 'read', operation.path)
    const bytes = await proceed()
    await seen.gate()
    return bytes
  })
  const volume = new Volume(watched)
  await volume.open()
  return { driver, seen, links: new Links(volume, (damaged) => seen.damaged.push(damaged)) }
}

test('a link is read once, and written ones are read back', async () => {
  const { seen, links } = await open()
  await links.write(path, one)
  for (let time = 0; time < 3; time++) assert.equal(await links.find(path), one)
  assert.equal(seen.reads, 1)
  await links.write(path, two)
  assert.equal(await links.find(path), two)
})

test('that a link is missing is not remembered', async () => {
  const { driver, links } = await open()
  assert.equal(await links.find(path), undefined)
  await writeFile(driver, path, one)
  assert.equal(await links.find(path), one)
})

test('a link that is written while it is read is not remembered as it was', async () => {
  const { driver, seen, links } = await open()
  await writeFile(driver, path, one)
  const [reading, written] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  seen.gate = async () => {
    reading.resolve()
    await written.promise
  }
  const early = links.find(path)
  await reading.promise
  await links.write(path, two)
  written.resolve()
  assert.equal(await early, one)
  assert.equal(await links.find(path), two)
})

test('a link that is removed while it is read is not remembered', async () => {
  const { driver, seen, links } = await open()
  await writeFile(driver, path, one)
  const [reading, removed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  seen.gate = async () => {
    reading.resolve()
    await removed.promise
  }
  const early = links.find(path)
  await reading.promise
  assert.equal(await links.remove(path), true)
  removed.resolve()
  await early
  assert.equal(await links.find(path), undefined)
})

test('a write that fails half-way is read afresh', async () => {
  const { driver, links } = await open()
  await links.write(path, one)
  await links.find(path)
  const halfway = links.changing([path], async () => {
    await writeFile(driver, path, two)
    throw systemError('EIO', 'fsync', path)
  })
  await assert.rejects(halfway, { code: 'EIO' })
  assert.equal(await links.find(path), two)
})

test('affirming renews the time of a link that says the same, and writes one that does not', async () => {
  const { driver, links } = await open()
  await links.affirm(path, one, 1000)
  await links.affirm(path, one, 2000)
  assert.equal((await driver.stat(path))?.mtimeMs, 2000)
  await links.affirm(path, two, 3000)
  assert.equal(await links.find(path), two)
})

test('affirming a link that somebody removed by hand writes it again', async () => {
  const { driver, links } = await open()
  await links.affirm(path, one, 1000)
  await links.find(path)
  await driver.removeFile(path)
  await links.affirm(path, one, 2000)
  assert.equal((await driver.read(path, 100))?.toString(), one)
})

for (const [what, text, found] of [
  ['a digest', one, one],
  ['a digest with a line end, as a person writes it', `${one}\n`, one],
  ['nothing', '', undefined],
  ['half a digest', one.slice(0, 30), undefined],
  ['too much', 'x'.repeat(10_000), undefined],
] as const) {
  test(`a link with ${what} is ${found ? 'read' : 'damaged and reported'}`, async () => {
    const { driver, seen, links } = await open()
    await writeFile(driver, path, text)
    assert.equal(await links.find(path), found)
    assert.deepEqual(seen.damaged, found ? [] : [path])
    assert.equal(await links.look(path), found ?? 'unreadable')
  })
}

test('trouble with the disk is trouble for who needs the link, and an answer for who looks at many', async () => {
  const { driver, seen, links } = await open()
  await writeFile(driver, path, one)
  seen.fault = 'EIO'
  await assert.rejects(links.find(path), { code: 'EIO' })
  assert.equal(await links.look(path), 'unreadable')
  assert.deepEqual(seen.damaged, [path])
  seen.fault = ''
  assert.equal(await links.look(path), one)
  assert.equal(await links.look(`${path}2`), 'missing')
})
