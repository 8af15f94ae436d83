import { existsSync, mkdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { STATE } from './layout.ts'
import { isDiskFull } from './volume.ts'

const PATIENCE_MS = 3000 // a predecessor that is being stopped needs a moment
const WATCH_MS = 1000

/** Another process holds the volume. */
export class VolumeLockedError extends Error {
  readonly hint: string

  constructor(location: string, holder: string) {
    super(`the volume ${location} is in use by ${holder}`)
    this.name = 'VolumeLockedError'
    this.hint = 'a volume has one writer: stop that server, or run this command against it; in Kubernetes use "strategy: Recreate"'
  }
}

/** The lock file cannot be made or opened. */
class UnusableLockError extends Error {
  readonly hint: string

  constructor(path: string, cause: unknown) {
    super(`cannot lock ${path}: ${(cause as Error).message}`, { cause })
    this.name = 'UnusableLockError'
    this.hint =
      'its folder must be writable for the user that runs lacre; from a read-only volume a server serves pulls with storage.maintenance.readonly.enabled=true'
  }
}

export interface VolumeLockOptions {
  readonly patienceMs?: number
  /** Called once when the lock file was removed or replaced under us: writing must stop. */
  readonly onLost?: (reason: string) => void
}

/**
 * The operating system's lock on a volume, held for this process's life: a SQLite file under BEGIN EXCLUSIVE, which the
 * kernel frees however the process ends. The file is never removed, and never opened but by SQLite: POSIX locks are lost
 * when the process closes any other descriptor of the file.
 */
export class VolumeLock {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #inode: number
  readonly #watch: NodeJS.Timeout

  private constructor(database: DatabaseSync, path: string, onLost: (reason: string) => void) {
    this.#database = database
    this.#path = path
    this.#inode = statSync(path).ino
    this.#watch = setInterval(() => this.#check(onLost), WATCH_MS)
    this.#watch.unref()
  }

  /** @throws VolumeLockedError that names the holder, after a moment's patience. */
  static async take(root: string, options: VolumeLockOptions = {}): Promise<VolumeLock> {
    const path = join(root, STATE, 'lock.db')
    makeFolderOf(path)
    const deadline = Date.now() + (options.patienceMs ?? PATIENCE_MS)
    for (;;) {
      const database = tryExclusive(path)
      if (database) {
        noteHolder(path)
        return new VolumeLock(database, path, options.onLost ?? (() => undefined))
      }
      if (Date.now() >= deadline) throw new VolumeLockedError(root, holderOf(path))
      await wait(100)
    }
  }

  /** Gives the lock back. */
  release(): void {
    clearInterval(this.#watch)
    this.#database.close()
  }

  /** Whether the file that is locked is still the one at its path; not, when nobody can tell. */
  isHeld(): boolean {
    try {
      return statSync(this.#path).ino === this.#inode
    } catch {
      return false
    }
  }

  #check(onLost: (reason: string) => void): void {
    if (this.isHeld()) return
    clearInterval(this.#watch)
    onLost(`${this.#path} was removed or replaced: another server may use this volume now`)
  }
}

function makeFolderOf(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new UnusableLockError(path, error)
  }
}

function tryExclusive(path: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
    database.exec('PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    if (isBusy(error)) return undefined
    throw new UnusableLockError(path, error)
  }
}

const SQLITE_BUSY = 5

function isBusy(error: unknown): boolean {
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY
}

/** For the words of whoever comes second; a full disk is no reason not to serve. */
function noteHolder(path: string): void {
  try {
    writeFileSync(`${path}.holder`, `process ${process.pid} on ${hostname()}, started ${new Date().toISOString()}\n`)
  } catch (error) {
    if (!isDiskFull(error)) throw error
  }
}

function holderOf(path: string): string {
  try {
    return readFileSync(`${path}.holder`, 'utf8').trim()
  } catch {
    return 'another process'
  }
}

const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
]) // statfs(2)

/** The name of the network file system a volume is on, where locks and syncs promise less than on a disk; `undefined` for all others. */
export function findNetworkFileSystem(root: string): string | undefined {
  if (!existsSync(root)) return undefined // a read-only registry does not make it
  return NETWORK_FILE_SYSTEMS.get(statfsSync(root).type)
}
