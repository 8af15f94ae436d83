import type { Readable } from 'node:stream'
import type { ByteRange } from '../oci/byte-range.ts'

/**
 * The one storage port: a tree of folders and files below one root, with the promises of a POSIX file system and no more.
 * Paths are relative to the root, with `/`, and never start or end with one. Every adapter passes `test/contract/driver.ts`.
 *
 * What is durable: a file's bytes after `WriteHandle.sync`, a folder's entries after `syncFolder` of that folder.
 * `rename` replaces a file at its target atomically; after a power cut either name, or both, may be there until synced.
 * Anything else that fails throws the system's error with its `code` (EIO, ENOSPC, EXDEV, EACCES…).
 */
export interface Driver {
  /** Where the tree is, for messages. */
  readonly location: string
  /** The whole of a small file, or `undefined` when it is not there. Throws when it is longer than `limit` bytes. */
  read(path: string, limit: number): Promise<Buffer | undefined>
  stat(path: string): Promise<Stat | undefined>
  /** A folder's entries in no order; `[]` when it is not there. */
  list(path: string): Promise<Entry[]>
  /** Opens before it returns: the bytes stay readable though the file is removed meanwhile. Throws ENOENT. */
  openRead(path: string, range?: ByteRange): Promise<ByteStream>
  /** A new file (throws EEXIST) with `create`, else one that exists (throws ENOENT), for writing after its end. */
  openWrite(path: string, options?: { readonly create?: boolean }): Promise<WriteHandle>
  /** Makes a folder and those above it; nothing where it exists. */
  makeFolder(path: string): Promise<void>
  /** Moves a file (over an existing file) or a folder (to a free name). Throws ENOENT when `from` or the target's folder is not there. */
  rename(from: string, to: string): Promise<void>
  /** Nothing when it is not there. */
  removeFile(path: string): Promise<void>
  /** Removes an empty folder: `false` when it is not empty, `true` when it is gone. */
  removeFolder(path: string): Promise<boolean>
  /** Sets a file's time of last change. Throws ENOENT. */
  touch(path: string, timeMs: number): Promise<void>
  /** Makes the entries of a folder durable. Throws ENOENT. */
  syncFolder(path: string): Promise<void>
  /** Makes everything that was written so far durable. */
  syncAll(): Promise<void>
}

/** A file's bytes in order, in chunks of any size. */
export interface ByteStream extends Readable {
  /**
   * Says that nobody looks at a chunk any more: bytes that follow may be read into it, or its memory is freed. Chunks that
   * are left to the garbage collector make it work as hard as everything else together.
   */
  recycle?(chunk: Buffer): void
}

export interface WriteHandle {
  /** Bytes in the file now. */
  readonly size: number
  /** Appends all of it, or throws; after a failure `size` tells what is there. */
  write(chunks: readonly Uint8Array[]): Promise<void>
  sync(): Promise<void>
  /** Asks the system to begin writing back early; a hint, it does not wait. What fails is thrown by `sync` and `close`. */
  startWriteBack(): void
  /** Resolves once the descriptor is closed and no write of it can come later; rejects when bytes could not be written back. May be called twice. */
  close(): Promise<void>
}

export interface Stat {
  readonly kind: 'file' | 'folder'
  readonly size: number
  readonly mtimeMs: number
}

export interface Entry {
  readonly name: string
  /** `broken`: a symbolic link that leads nowhere. */
  readonly kind: 'file' | 'folder' | 'broken'
}
