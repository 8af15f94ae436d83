import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Driver } from '../../src/volume/driver.ts'

type Opened = { readonly driver: Driver; close(): Promise<void> }

/** What every adapter of the storage port must do: one test a promise of `Driver`. `open` gives an empty tree. */
export function driverContract(adapter: string, open: () => Promise<Opened>): void {
  for (const [promise, check] of Object.entries(promises)) {
    test(`${adapter}: ${promise}`, async () => {
      const { driver, close } = await open()
      try {
        await check(driver)
      } finally {
        await close()
      }
    })
  }
}

const promises: Readonly<Record<string, (driver: Driver) => Promise<void>>> = {
  'what is not there is undefined, or empty, for a missing folder and below a file too': async (driver) => {
    await put(driver, 'file', 'x')
    for (const path of ['none', 'none/below', 'file/below']) {
      assert.equal(await driver.read(path, 10), undefined)
      assert.equal(await driver.stat(path), undefined)
      assert.deepEqual(await driver.list(path), [])
    }
    assert.deepEqual(await driver.list('file'), [])
  },
  'a file is written in pieces, read whole and read in part': async (driver) => {
    const handle = await driver.openWrite('file', { create: true })
    await handle.write([Buffer.from('ab'), Buffer.from(''), Buffer.from('cd')])
    await handle.write([])
    await handle.write([Buffer.from('ef')])
    assert.equal(handle.size, 6)
    handle.startWriteBack()
    await handle.sync()
    await handle.close()
    await handle.close()
    assert.equal(String(await driver.read('file', 6)), 'abcdef')
    assert.equal(await streamed(driver, 'file'), 'abcdef')
    assert.equal(String(await buffer(await driver.openRead('file', { first: 1, last: 3 }))), 'bcd')
    assert.equal((await driver.stat('file'))?.size, 6)
  },
  'a file that is too long is not read at once': async (driver) => {
    await put(driver, 'file', 'four')
    await assert.rejects(driver.read('file', 3))
    assert.equal(String(await driver.read('file', 4)), 'four')
  },
  'an empty file has no bytes': async (driver) => {
    await put(driver, 'file', '')
    assert.equal((await driver.read('file', 0))?.length, 0)
    assert.equal(await streamed(driver, 'file'), '')
  },
  'bytes handed over may be used again by the caller': async (driver) => {
    const chunk = Buffer.from('first')
    const handle = await driver.openWrite('file', { create: true })
    await handle.write([chunk])
    chunk.fill('-')
    await handle.close()
    assert.equal(await streamed(driver, 'file'), 'first')
  },
  'a file opened again is written after its end': async (driver) => {
    await put(driver, 'file', 'abc')
    const handle = await driver.openWrite('file')
    assert.equal(handle.size, 3)
    await handle.write([Buffer.from('d')])
    await handle.close()
    assert.equal(await streamed(driver, 'file'), 'abcd')
  },
  'nothing can be written after close': async (driver) => {
    const handle = await driver.openWrite('file', { create: true })
    await handle.close()
    await assert.rejects(handle.write([Buffer.from('x')]))
    assert.equal(await streamed(driver, 'file'), '')
  },
  'a new file must be new, and an old one must be there': async (driver) => {
    await put(driver, 'file', '')
    await driver.makeFolder('folder')
    await assert.rejects(driver.openWrite('file', { create: true }), { code: 'EEXIST' })
    await assert.rejects(driver.openWrite('folder', { create: true }), { code: 'EEXIST' })
    await assert.rejects(driver.openWrite('none'), { code: 'ENOENT' })
    await assert.rejects(driver.openWrite('none/file', { create: true }), { code: 'ENOENT' })
    await assert.rejects(driver.openWrite('file/below', { create: true }), { code: 'ENOTDIR' })
    await assert.rejects(driver.openRead('none'), { code: 'ENOENT' })
  },
  'a removed file stays readable to whoever has it open': async (driver) => {
    await put(driver, 'file', 'kept')
    const stream = await driver.openRead('file')
    await driver.removeFile('file')
    assert.equal(await driver.stat('file'), undefined)
    assert.equal(String(await buffer(stream)), 'kept')
  },
  'a renamed file stays writable to whoever has it open': async (driver) => {
    const handle = await driver.openWrite('old', { create: true })
    await driver.rename('old', 'new')
    await handle.write([Buffer.from('late')])
    await handle.close()
    assert.equal(await driver.stat('old'), undefined)
    assert.equal(await streamed(driver, 'new'), 'late')
  },
  'a rename replaces a file': async (driver) => {
    await put(driver, 'old', 'old bytes')
    await put(driver, 'new', 'new bytes')
    const before = await driver.openRead('old')
    await driver.rename('new', 'old')
    assert.equal(await streamed(driver, 'old'), 'new bytes')
    assert.equal(String(await buffer(before)), 'old bytes')
    assert.deepEqual(await names(driver, ''), ['old'])
  },
  'a rename moves a folder with all that is in it, to a free name only': async (driver) => {
    await put(driver, 'a/b/file', 'x')
    await put(driver, 'taken/file', 'y')
    await driver.makeFolder('to')
    await driver.rename('a', 'to/c')
    assert.equal(await streamed(driver, 'to/c/b/file'), 'x')
    assert.equal(await driver.stat('a'), undefined)
    await assert.rejects(driver.rename('to/c', 'taken'), (error: NodeJS.ErrnoException) => error.code === 'ENOTEMPTY' || error.code === 'EEXIST')
    assert.equal(await streamed(driver, 'to/c/b/file'), 'x')
    assert.equal(await streamed(driver, 'taken/file'), 'y')
  },
  'a rename that cannot be leaves everything as it was': async (driver) => {
    await put(driver, 'file', 'x')
    await driver.makeFolder('folder')
    await assert.rejects(driver.rename('none', 'file'), { code: 'ENOENT' })
    await assert.rejects(driver.rename('file', 'none/file'), { code: 'ENOENT' })
    await assert.rejects(driver.rename('file', 'folder'), { code: 'EISDIR' })
    await assert.rejects(driver.rename('folder', 'file'), { code: 'ENOTDIR' })
    await assert.rejects(driver.rename('folder', 'folder/below'), { code: 'EINVAL' })
    await driver.rename('file', 'file')
    assert.deepEqual(await names(driver, ''), ['file', 'folder'])
    assert.equal(await streamed(driver, 'file'), 'x')
  },
  'a folder is made with those above it, and made twice': async (driver) => {
    await driver.makeFolder('a/b/c')
    await put(driver, 'a/b/file', 'x')
    await driver.makeFolder('a/b/c')
    assert.deepEqual(await driver.list('a'), [{ name: 'b', kind: 'folder' }])
    assert.deepEqual(await names(driver, 'a/b'), ['c', 'file'])
    assert.equal((await driver.stat('a/b/c'))?.kind, 'folder')
    await assert.rejects(driver.makeFolder('a/b/file'), { code: 'EEXIST' })
    await assert.rejects(driver.makeFolder('a/b/file/below'), { code: 'ENOTDIR' })
  },
  'a folder is removed only when it is empty': async (driver) => {
    await put(driver, 'folder/file', 'x')
    assert.equal(await driver.removeFolder('folder'), false)
    await driver.removeFile('folder/file')
    assert.equal(await driver.removeFolder('folder'), true)
    assert.equal(await driver.removeFolder('folder'), true)
    assert.equal(await driver.stat('folder'), undefined)
  },
  'removing a file that is not there does nothing, and a folder is no file': async (driver) => {
    await driver.removeFile('none/file')
    await driver.makeFolder('folder')
    await assert.rejects(driver.removeFile('folder'))
    assert.equal((await driver.stat('folder'))?.kind, 'folder')
  },
  'a file tells when it was last changed, and can be told': async (driver) => {
    await put(driver, 'file', 'x')
    await driver.touch('file', 1_500_000_000_000)
    assert.ok(Math.abs(((await driver.stat('file'))?.mtimeMs ?? 0) - 1_500_000_000_000) < 1)
    const handle = await driver.openWrite('file')
    await handle.write([Buffer.from('y')])
    await handle.close()
    assert.ok(((await driver.stat('file'))?.mtimeMs ?? 0) > 1_500_000_000_000)
    await assert.rejects(driver.touch('none', 0), { code: 'ENOENT' })
  },
  'folders that are there can be synced': async (driver) => {
    await driver.makeFolder('a/b')
    await driver.syncFolder('a/b')
    await driver.syncFolder('a')
    await driver.syncAll()
    await assert.rejects(driver.syncFolder('none'), { code: 'ENOENT' })
  },
}

async function put(driver: Driver, path: string, text: string): Promise<void> {
  if (path.includes('/')) await driver.makeFolder(path.slice(0, path.lastIndexOf('/')))
  const handle = await driver.openWrite(path, { create: true })
  await handle.write([Buffer.from(text)])
  await handle.close()
}

async function streamed(driver: Driver, path: string): Promise<string> {
  return String(await buffer(await driver.openRead(path)))
}

async function names(driver: Driver, path: string): Promise<string[]> {
  return (await driver.list(path)).map(({ name }) => name).sort()
}
