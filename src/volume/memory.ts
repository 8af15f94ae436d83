import { posix } from 'node:path'
import { Readable } from 'node:stream'
import type { ByteRange } from '../oci/byte-range.ts'
import type { Driver, Entry, Stat, WriteHandle } from './driver.ts'

/** A file without a name, as an inode is: names are entries of folders, and more than one may lead here. */
export interface MemoryFile {
  readonly kind: 'file'
  /** Replaced, never changed in place, so that a copy of the file may share it. */
  chunks: readonly Uint8Array[]
  size: number
  mtimeMs: number
}

export interface MemoryFolder {
  readonly kind: 'folder'
  readonly entries: Map<string, MemoryNode>
  mtimeMs: number
}

export type MemoryNode = MemoryFile | MemoryFolder

/** A volume that is gone when the process ends. Every operation takes effect before its promise is returned; there is no real I/O. */
export class MemoryDriver implements Driver {
  readonly location = 'memory'
  readonly root: MemoryFolder
  readonly #now: () => number

  constructor(now: () => number = Date.now, root: MemoryFolder = { kind: 'folder', entries: new Map(), mtimeMs: now() }) {
    this.#now = now
    this.root = root
  }

  async read(path: string, limit: number): Promise<Buffer | undefined> {
    const found = this.find(path)
    if (!found) return undefined
    const file = asFile(found, 'read', path)
    if (file.size > limit) throw new Error(`${path} has ${file.size} bytes, more than the ${limit} that are read at once`)
    return bytesOf(file)
  }

  async stat(path: string): Promise<Stat | undefined> {
    const found = this.find(path)
    return found && { kind: found.kind, size: found.kind === 'file' ? found.size : 0, mtimeMs: found.mtimeMs }
  }

  async list(path: string): Promise<Entry[]> {
    const found = this.find(path)
    return found?.kind === 'folder' ? Array.from(found.entries, ([name, { kind }]) => ({ name, kind })) : []
  }

  async openRead(path: string, range?: ByteRange): Promise<Readable> {
    const bytes = bytesOf(asFile(this.#get(path, 'open'), 'read', path))
    const part = range ? bytes.subarray(range.first, range.last + 1) : bytes
    return Readable.from(part.length > 0 ? [part] : [], { objectMode: false })
  }

  async openWrite(path: string, { create = false }: { readonly create?: boolean } = {}): Promise<WriteHandle> {
    if (!create) return new MemoryWriteHandle(asFile(this.#get(path, 'open'), 'open', path), path, this.#now)
    if (this.find(path)) throw systemError('EEXIST', 'open', path)
    const file: MemoryFile = { kind: 'file', chunks: [], size: 0, mtimeMs: this.#now() }
    this.#link(path, 'open', file)
    return new MemoryWriteHandle(file, path, this.#now)
  }

  async makeFolder(path: string): Promise<void> {
    let at = this.root
    for (const [index, name] of partsOf(path).entries()) {
      const next = at.entries.get(name) ?? { kind: 'folder', entries: new Map(), mtimeMs: this.#now() }
      if (next.kind === 'file') throw systemError(index === partsOf(path).length - 1 ? 'EEXIST' : 'ENOTDIR', 'mkdir', path)
      if (!at.entries.has(name)) this.#enter(at, name, next)
      at = next
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const moved = this.#get(from, 'rename')
    const source = this.#folderOf(from, 'rename')
    const replaced = this.#folderOf(to, 'rename').entries.get(posix.basename(to))
    if (replaced === moved) return
    if (moved.kind === 'folder' && `${to}/`.startsWith(`${from}/`)) throw systemError('EINVAL', 'rename', to)
    if (replaced) refuseToReplace(moved, replaced, to)
    source.entries.delete(posix.basename(from))
    source.mtimeMs = this.#now()
    this.#link(to, 'rename', moved)
  }

  async removeFile(path: string): Promise<void> {
    const found = this.find(path)
    if (!found) return
    asFile(found, 'unlink', path)
    this.#unlink(path)
  }

  async removeFolder(path: string): Promise<boolean> {
    const found = this.find(path)
    if (!found) return true
    if (asFolder(found, 'rmdir', path).entries.size > 0) return false
    this.#unlink(path)
    return true
  }

  async touch(path: string, timeMs: number): Promise<void> {
    this.#get(path, 'utime').mtimeMs = timeMs
  }

  async syncFolder(path: string): Promise<void> {
    this.#get(path, 'open')
  }

  async syncAll(): Promise<void> {
    // there is nothing that outlives the process
  }

  /** What a path leads to; `undefined` also where a file stands in its way. */
  find(path: string): MemoryNode | undefined {
    let at: MemoryNode | undefined = this.root
    for (const name of partsOf(path)) at = at?.kind === 'folder' ? at.entries.get(name) : undefined
    return at
  }

  #get(path: string, call: string): MemoryNode {
    const folder = this.#folderOf(path, call)
    const found = path === '' ? this.root : folder.entries.get(posix.basename(path))
    if (!found) throw systemError('ENOENT', call, path)
    return found
  }

  #folderOf(path: string, call: string): MemoryFolder {
    let at: MemoryNode = this.root
    for (const name of partsOf(path).slice(0, -1)) {
      const next: MemoryNode | undefined = asFolder(at, call, path).entries.get(name)
      if (!next) throw systemError('ENOENT', call, path)
      at = next
    }
    return asFolder(at, call, path)
  }

  #link(path: string, call: string, node: MemoryNode): void {
    this.#enter(this.#folderOf(path, call), posix.basename(path), node)
  }

  #enter(folder: MemoryFolder, name: string, node: MemoryNode): void {
    folder.entries.set(name, node)
    folder.mtimeMs = this.#now()
  }

  #unlink(path: string): void {
    const folder = this.#folderOf(path, 'unlink')
    folder.entries.delete(posix.basename(path))
    folder.mtimeMs = this.#now()
  }
}

class MemoryWriteHandle implements WriteHandle {
  readonly #file: MemoryFile
  readonly #path: string
  readonly #now: () => number
  #isOpen = true

  constructor(file: MemoryFile, path: string, now: () => number) {
    this.#file = file
    this.#path = path
    this.#now = now
  }

  get size(): number {
    return this.#file.size
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    this.#mustBeOpen('write')
    const copies = chunks.map((chunk) => Uint8Array.from(chunk)) // the caller may use its buffers again
    this.#file.chunks = [...this.#file.chunks, ...copies]
    this.#file.size += copies.reduce((sum, chunk) => sum + chunk.byteLength, 0)
    this.#file.mtimeMs = this.#now()
  }

  async sync(): Promise<void> {
    this.#mustBeOpen('fsync')
  }

  startWriteBack(): void {
    // there is nothing to write back to
  }

  async close(): Promise<void> {
    this.#isOpen = false
  }

  #mustBeOpen(call: string): void {
    if (!this.#isOpen) throw systemError('EBADF', call, this.#path)
  }
}

/** An error as the system's own calls throw it. */
export function systemError(code: string, call: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path })
}

function partsOf(path: string): string[] {
  return path.split('/').filter(Boolean)
}

function bytesOf(file: MemoryFile): Buffer {
  return Buffer.concat(file.chunks, file.size)
}

function asFile(node: MemoryNode, call: string, path: string): MemoryFile {
  if (node.kind === 'folder') throw systemError('EISDIR', call, path)
  return node
}

function asFolder(node: MemoryNode, call: string, path: string): MemoryFolder {
  if (node.kind === 'file') throw systemError('ENOTDIR', call, path)
  return node
}

/** @see https://man7.org/linux/man-pages/man2/rename.2.html */
function refuseToReplace(moved: MemoryNode, replaced: MemoryNode, to: string): void {
  if (moved.kind === 'file' && replaced.kind === 'folder') throw systemError('EISDIR', 'rename', to)
  if (moved.kind === 'folder' && replaced.kind === 'file') throw systemError('ENOTDIR', 'rename', to)
  if (replaced.kind === 'folder' && replaced.entries.size > 0) throw systemError('ENOTEMPTY', 'rename', to)
}
