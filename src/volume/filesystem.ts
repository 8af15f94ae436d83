import { spawn } from 'node:child_process'
import { constants, existsSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rmdir, stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { ByteRange } from '../oci/byte-range.ts'
import type { ByteStream, Driver, Entry, Stat, WriteHandle } from './driver.ts'
import { FileStream } from './file-stream.ts'
import { BLOBS, REPOSITORIES } from './layout.ts'

const READ = constants.O_RDONLY | constants.O_NONBLOCK // a pipe in a file's place would hold a thread for ever
const SMALL_FILE = 1024 // a link is far below it, and read in one call

/** A local file system. Folders are made 0777 and files 0666 less the umask, as Distribution does. */
export class FilesystemDriver implements Driver {
  readonly location: string

  constructor(root: string) {
    this.location = root
  }

  async read(path: string, limit: number): Promise<Buffer | undefined> {
    const file = await ifThere(open(this.#at(path), READ))
    if (!file) return undefined
    try {
      const start = Buffer.allocUnsafe(SMALL_FILE)
      const { bytesRead } = await file.read(start, 0, SMALL_FILE, 0)
      if (bytesRead < SMALL_FILE && bytesRead <= limit) return start.subarray(0, bytesRead)
      const { size } = await file.stat()
      if (size > limit) throw new Error(`${path} has ${size} bytes, more than the ${limit} that are read at once`)
      return await file.readFile()
    } finally {
      await file.close()
    }
  }

  async stat(path: string): Promise<Stat | undefined> {
    const found = await ifThere(stat(this.#at(path)))
    return found && { kind: found.isDirectory() ? 'folder' : 'file', size: found.size, mtimeMs: found.mtimeMs }
  }

  async list(path: string): Promise<Entry[]> {
    const entries = (await ifThere(readdir(this.#at(path), { withFileTypes: true }))) ?? []
    const plain: Entry[] = []
    for (const entry of entries) {
      const kind = entry.isSymbolicLink() ? await this.#kindBehind(`${path}/${entry.name}`) : entry.isDirectory() ? 'folder' : 'file'
      plain.push({ name: entry.name, kind })
    }
    return plain
  }

  async openRead(path: string, range?: ByteRange): Promise<ByteStream> {
    return FileStream.over(await open(this.#at(path), READ), range)
  }

  async openWrite(path: string, { create = false }: { readonly create?: boolean } = {}): Promise<WriteHandle> {
    const flags = constants.O_WRONLY | constants.O_APPEND | (create ? constants.O_CREAT | constants.O_EXCL : 0)
    const handle = await open(this.#at(path), flags, 0o666)
    const size = create ? 0 : (await handle.stat()).size
    return new FileWriteHandle(handle, size)
  }

  async makeFolder(path: string): Promise<void> {
    await mkdir(this.#at(path), { recursive: true })
  }

  rename(from: string, to: string): Promise<void> {
    return rename(this.#at(from), this.#at(to))
  }

  async removeFile(path: string): Promise<void> {
    await ifThere(unlink(this.#at(path)))
  }

  async removeFolder(path: string): Promise<boolean> {
    try {
      await ifThere(rmdir(this.#at(path)))
      return true
    } catch (error) {
      if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') return false
      throw error
    }
  }

  async touch(path: string, timeMs: number): Promise<void> {
    await utimes(this.#at(path), timeMs / 1000, timeMs / 1000)
  }

  async syncFolder(path: string): Promise<void> {
    const folder = await open(this.#at(path), 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }

  /** One `sync -f`, which Node has no call for, of each tree that may be a mount of its own; where there is no such program, `sync` of everything. */
  async syncAll(): Promise<void> {
    const mounts = ['', BLOBS, REPOSITORIES].map((path) => this.#at(path)).filter((path) => existsSync(path))
    if ((await ran('sync', ['-f', ...mounts])) || (await ran('sync', []))) return
    const error = new Error(`cannot make ${this.location} durable: the program "sync" is not here, or failed`)
    throw Object.assign(error, { hint: 'see that "sync" of coreutils is on the PATH, and that the disk is in order (dmesg)' })
  }

  async #kindBehind(path: string): Promise<Entry['kind']> {
    try {
      return (await this.stat(path))?.kind ?? 'broken'
    } catch (error) {
      if (codeOf(error) === 'ELOOP') return 'broken'
      throw error
    }
  }

  #at(path: string): string {
    return join(this.location, path)
  }
}

class FileWriteHandle implements WriteHandle {
  #size: number
  #closed: Promise<void> | undefined
  #writeBack: Promise<void> = Promise.resolve()
  readonly #handle: FileHandle

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.#size = size
  }

  get size(): number {
    return this.#size
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    let rest = [...chunks]
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.writev(rest)
      this.#size += bytesWritten
      rest = after(rest, bytesWritten)
    }
  }

  async sync(): Promise<void> {
    await this.#writeBack
    await this.#handle.sync()
  }

  /** @NOTE the system tells of bytes it could not write once: what is told here must not be lost, for a later sync would succeed. */
  startWriteBack(): void {
    const before = this.#writeBack
    this.#writeBack = Promise.all([before, this.#handle.datasync()]).then(() => undefined)
    this.#writeBack.catch(() => undefined) // sync and close throw it
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    try {
      await this.#writeBack
    } finally {
      await this.#handle.close()
    }
  }
}

/** What of `chunks` remains when `count` bytes of them are written. */
function after(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count
  const rest: Uint8Array[] = []
  for (const chunk of chunks) {
    const part = chunk.subarray(Math.min(skip, chunk.byteLength))
    skip -= chunk.byteLength - part.byteLength
    if (part.byteLength > 0) rest.push(part)
  }
  return rest
}

async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

function ran(command: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'ignore' })
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
  })
}
