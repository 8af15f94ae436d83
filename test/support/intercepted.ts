import type { Driver, WriteHandle } from '../../src/volume/driver.ts'

/** One call of a driver or of one of its write handles. */
export interface Operation {
  readonly name: Exclude<keyof Driver, 'location'> | 'write' | 'sync' | 'close'
  readonly path: string
  /** The target of a rename. */
  readonly to?: string
}

/** Stands between the caller and each operation: lets it happen by `proceed`, before or after doing something else, or does not. */
export type Around = <T>(operation: Operation, proceed: () => Promise<T>) => Promise<T>

const CHANGES: ReadonlySet<Operation['name']> = new Set([
  'openWrite',
  'write',
  'sync',
  'makeFolder',
  'rename',
  'removeFile',
  'removeFolder',
  'touch',
  'syncFolder',
  'syncAll',
])

/** Whether an operation may change the volume, or how durable it is. */
export const isChange = ({ name }: Operation): boolean => CHANGES.has(name)

export const formatOperation = ({ name, path, to }: Operation): string => [name, path, to].filter((part) => part !== undefined).join(' ')

/** A driver of which every operation goes through `around`. */
export function intercepted(driver: Driver, around: Around): Driver {
  return {
    location: driver.location,
    read: (path, limit) => around({ name: 'read', path }, () => driver.read(path, limit)),
    stat: (path) => around({ name: 'stat', path }, () => driver.stat(path)),
    list: (path) => around({ name: 'list', path }, () => driver.list(path)),
    openRead: (path, range) => around({ name: 'openRead', path }, () => driver.openRead(path, range)),
    openWrite: (path, options) => around({ name: 'openWrite', path }, async () => interceptedHandle(await driver.openWrite(path, options), path, around)),
    makeFolder: (path) => around({ name: 'makeFolder', path }, () => driver.makeFolder(path)),
    rename: (path, to) => around({ name: 'rename', path, to }, () => driver.rename(path, to)),
    removeFile: (path) => around({ name: 'removeFile', path }, () => driver.removeFile(path)),
    removeFolder: (path) => around({ name: 'removeFolder', path }, () => driver.removeFolder(path)),
    touch: (path, timeMs) => around({ name: 'touch', path }, () => driver.touch(path, timeMs)),
    syncFolder: (path) => around({ name: 'syncFolder', path }, () => driver.syncFolder(path)),
    syncAll: () => around({ name: 'syncAll', path: '' }, () => driver.syncAll()),
  }
}

function interceptedHandle(handle: WriteHandle, path: string, around: Around): WriteHandle {
  return {
    get size() {
      return handle.size
    },
    startWriteBack: () => handle.startWriteBack(),
    write: (chunks) => around({ name: 'write', path }, () => handle.write(chunks)),
    sync: () => around({ name: 'sync', path }, () => handle.sync()),
    close: () => around({ name: 'close', path }, () => handle.close()),
  }
}
