import type { Driver } from '../../src/volume/driver.ts'
import { parentOf } from '../../src/volume/layout.ts'

/** Writes a file as somebody does who is not the registry: over what is there. */
export async function writeFile(driver: Driver, path: string, text: string | Buffer): Promise<void> {
  await driver.makeFolder(parentOf(path))
  await driver.removeFile(path)
  const handle = await driver.openWrite(path, { create: true })
  await handle.write([Buffer.from(text)])
  await handle.close()
}

export async function flipByte(driver: Driver, path: string): Promise<void> {
  const bytes = (await driver.read(path, 1 << 22)) ?? Buffer.alloc(0)
  await writeFile(driver, path, Buffer.from(bytes.map((byte, index) => (index === 0 ? byte ^ 1 : byte))))
}

export async function truncate(driver: Driver, path: string): Promise<void> {
  const bytes = (await driver.read(path, 1 << 22)) ?? Buffer.alloc(0)
  await writeFile(driver, path, bytes.subarray(0, bytes.byteLength / 2))
}

/** Every file below a folder. */
export async function filesBelow(driver: Driver, folder: string): Promise<string[]> {
  const entries = await driver.list(folder)
  const below = await Promise.all(entries.map(({ name, kind }) => (kind === 'file' ? [`${folder}/${name}`] : filesBelow(driver, `${folder}/${name}`))))
  return below.flat().sort()
}
