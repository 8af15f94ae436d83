import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MemoryDriver } from '../../src/volume/memory.ts'
import { PowerCutDriver } from './power-cut.ts'

async function write(driver: PowerCutDriver, path: string, text: string, { isSynced }: { isSynced: boolean }): Promise<void> {
  const handle = await driver.openWrite(path, { create: true })
  await handle.write([Buffer.from(text)])
  if (isSynced) await handle.sync()
  await handle.close()
}

const everything = { limit: 1000, seed: 1 }

async function shown(driver: MemoryDriver): Promise<string> {
  const files = await driver.list('')
  const texts = await Promise.all(files.map(async ({ name, kind }) => `${name}=${kind === 'file' ? await driver.read(name, 99) : kind}`))
  return texts.sort().join(' ')
}

async function outcomes(driver: PowerCutDriver): Promise<string[]> {
  const all = await Promise.all([...driver.survivors(everything)].map(shown))
  return [...new Set(all)].sort()
}

test('a file whose folder was not synced may be gone; whose bytes were not, empty, half, zeros or whole', async () => {
  const driver = new PowerCutDriver()
  await write(driver, 'a', 'text', { isSynced: false })
  assert.deepEqual(await outcomes(driver), ['', 'a=', 'a=\0\0\0\0', 'a=te', 'a=text'])
  await driver.syncFolder('')
  assert.deepEqual(await outcomes(driver), ['a=', 'a=\0\0\0\0', 'a=te', 'a=text'])
})

test('a rename over a file leaves the old one, the new one or both names, never neither', async () => {
  const driver = new PowerCutDriver()
  await write(driver, 'new', 'new', { isSynced: true })
  await write(driver, 'at', 'old', { isSynced: true })
  await driver.syncFolder('')
  await driver.rename('new', 'at')
  assert.deepEqual(await outcomes(driver), ['at=new', 'at=new new=new', 'at=old new=new'])
  await driver.syncFolder('')
  assert.deepEqual(await outcomes(driver), ['at=new'])
})

test('of a rename between folders, each half becomes durable with its own folder', async () => {
  const driver = new PowerCutDriver()
  await driver.makeFolder('aside')
  await write(driver, 'aside/x', 'x', { isSynced: true })
  await driver.syncAll()
  await driver.rename('aside/x', 'x')
  await driver.syncFolder('')
  assert.equal(driver.unsyncedCount, 1)
  const left = await Promise.all([...driver.survivors(everything)].map(async (tree) => `${await tree.read('x', 9)}+${await tree.read('aside/x', 9)}`))
  assert.deepEqual(left.sort(), ['x+undefined', 'x+x'])
})

test('a removed file may come back until its folder is synced', async () => {
  const driver = new PowerCutDriver()
  await write(driver, 'a', 'a', { isSynced: true })
  await driver.syncFolder('')
  await driver.removeFile('a')
  assert.deepEqual(await outcomes(driver), ['', 'a=a'])
  await driver.syncFolder('')
  assert.deepEqual(await outcomes(driver), [''])
})

test('a fork goes its own way and has the same losses before it', async () => {
  const driver = new PowerCutDriver()
  await write(driver, 'a', 'a', { isSynced: true })
  const fork = driver.fork()
  await fork.syncAll()
  await write(fork, 'b', 'b', { isSynced: true })
  assert.deepEqual(await outcomes(driver), ['', 'a=a'])
  assert.deepEqual(await outcomes(fork), ['a=a', 'a=a b=b'])
})
