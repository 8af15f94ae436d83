import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FilesystemDriver } from '../../src/volume/filesystem.ts'
import { MemoryDriver } from '../../src/volume/memory.ts'
import { PowerCutDriver } from '../support/power-cut.ts'
import { driverContract } from './driver.ts'

driverContract('filesystem', async () => {
  const root = await mkdtemp(join(tmpdir(), 'lacre-driver-'))
  return { driver: new FilesystemDriver(root), close: () => rm(root, { recursive: true }) }
})

driverContract('memory', async () => ({ driver: new MemoryDriver(), close: async () => undefined }))

driverContract('power cut', async () => ({ driver: new PowerCutDriver(), close: async () => undefined }))
