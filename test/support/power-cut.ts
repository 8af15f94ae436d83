import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { ByteRange } from '../../src/oci/byte-range.ts'
import type { Driver, Entry, Stat, WriteHandle } from '../../src/volume/driver.ts'
import { parentOf } from '../../src/volume/layout.ts'
import { MemoryDriver, type MemoryFile, type MemoryFolder, type MemoryNode } from '../../src/volume/memory.ts'
import { type Choice, chooseAll } from './choices.ts'

/** One entry of one folder, changed since that folder was last synced. Without `node` the entry was taken away. */
interface Change {
  readonly folder: MemoryFolder
  readonly name: string
  readonly node: MemoryNode | undefined
}

/** What a power cut may do to one thing that was not synced: state 0 is as if it never happened, the last state is done. */
type Loss =
  | { readonly kind: 'entry'; readonly change: Change }
  | { readonly kind: 'rename'; readonly removal: Change; readonly addition: Change }
  | { readonly kind: 'bytes'; readonly file: MemoryFile; readonly durable: number }

const STATES: Readonly<Record<Loss['kind'], number>> = { entry: 2, rename: 3, bytes: 4 }

/**
 * A volume in memory that knows what a power cut may leave of it: a file's bytes are durable after `sync`, a folder's entries after
 * `syncFolder`. Of the rest each part may be there or not: an entry; a rename as the old name, both names or the new one; a file's
 * bytes as none, half, as many zeros, or all.
 */
export class PowerCutDriver implements Driver {
  readonly location = 'memory with power cuts'
  readonly #now: () => number
  readonly #memory: MemoryDriver
  readonly #durableEntries: Map<MemoryFolder, ReadonlyMap<string, MemoryNode>>
  readonly #durableSizes: Map<MemoryFile, number>
  #unsynced: Extract<Loss, { kind: 'entry' | 'rename' }>[] = []

  constructor(now: () => number = Date.now, memory = new MemoryDriver(now)) {
    this.#now = now
    this.#memory = memory
    this.#durableEntries = new Map()
    this.#durableSizes = new Map()
    this.#settle()
  }

  read(path: string, limit: number): Promise<Buffer | undefined> {
    return this.#memory.read(path, limit)
  }

  stat(path: string): Promise<Stat | undefined> {
    return this.#memory.stat(path)
  }

  list(path: string): Promise<Entry[]> {
    return this.#memory.list(path)
  }

  openRead(path: string, range?: ByteRange): Promise<Readable> {
    return this.#memory.openRead(path, range)
  }

  async openWrite(path: string, options: { readonly create?: boolean } = {}): Promise<WriteHandle> {
    const opened = this.#changing([path], () => this.#memory.openWrite(path, options))
    const file = this.#memory.find(path) as MemoryFile // before anybody can move it
    return this.#tracked(await opened, file)
  }

  makeFolder(path: string): Promise<void> {
    const parts = path.split('/')
    const prefixes = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
    return this.#changing(prefixes, () => this.#memory.makeFolder(path))
  }

  rename(from: string, to: string): Promise<void> {
    return this.#changing([from, to], () => this.#memory.rename(from, to))
  }

  removeFile(path: string): Promise<void> {
    return this.#changing([path], () => this.#memory.removeFile(path))
  }

  removeFolder(path: string): Promise<boolean> {
    return this.#changing([path], () => this.#memory.removeFolder(path))
  }

  touch(path: string, timeMs: number): Promise<void> {
    return this.#memory.touch(path, timeMs)
  }

  async syncFolder(path: string): Promise<void> {
    await this.#memory.syncFolder(path)
    const folder = this.#memory.find(path)
    if (folder?.kind !== 'folder') return
    this.#durableEntries.set(folder, new Map(folder.entries))
    this.#unsynced = this.#unsynced.flatMap((loss) => remaining(loss, folder))
  }

  async syncAll(): Promise<void> {
    this.#settle()
  }

  /** The same volume, apart: as another process finds it when this one was killed and the machine went on. */
  fork(): PowerCutDriver {
    const copies = new Copies()
    const forked = new PowerCutDriver(this.#now, new MemoryDriver(this.#now, copies.of(this.#memory.root)))
    forked.#durableEntries.clear()
    forked.#durableSizes.clear()
    for (const [folder, entries] of this.#durableEntries)
      forked.#durableEntries.set(copies.of(folder), new Map(Array.from(entries, ([name, node]) => [name, copies.of(node)])))
    for (const [file, size] of this.#durableSizes) forked.#durableSizes.set(copies.of(file), size)
    forked.#unsynced = this.#unsynced.map((loss) => copies.ofLoss(loss))
    return forked
  }

  /** The volumes that a power cut now may leave: all of them when they are at most `limit`, else the extremes and a sample by `seed`. */
  *survivors({ limit, seed }: { readonly limit: number; readonly seed: number }): Generator<MemoryDriver> {
    const losses = this.#losses()
    for (const choice of chooseAll(
      losses.map(({ kind }) => STATES[kind]),
      limit,
      seed,
    ))
      yield this.#after(losses, choice)
  }

  /** How many things a power cut now could take away. */
  get unsyncedCount(): number {
    return this.#losses().length
  }

  #losses(): Loss[] {
    const bytes = Array.from(this.#durableSizes, ([file, durable]): Loss => ({ kind: 'bytes', file, durable }))
    return [...this.#unsynced, ...bytes.filter((loss) => loss.kind === 'bytes' && loss.durable < loss.file.size)]
  }

  #after(losses: readonly Loss[], choice: Choice): MemoryDriver {
    const entries = new Map(Array.from(this.#durableEntries, ([folder, durable]) => [folder, new Map(durable)]))
    const contents = new Map<MemoryFile, Uint8Array>()
    losses.forEach((loss, index) => {
      const state = choice[index] ?? 0
      if (loss.kind === 'bytes') contents.set(loss.file, bytesLeft(loss, state))
      else for (const change of changesDone(loss, state)) apply(entries, change)
    })
    return new MemoryDriver(this.#now, new Survivor(entries, contents).folder(this.#memory.root))
  }

  /** Notes every entry that `work` changes on `paths`; the memory driver has done it all when it returns. */
  async #changing<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = paths.map((path) => this.#memory.find(path))
    const done = work()
    const changes = paths.flatMap((path, index) => this.#changeAt(path, before[index]))
    const [removal, addition, ...more] = changes
    if (removal && addition && more.length === 0 && !removal.node && addition.node) this.#unsynced.push({ kind: 'rename', removal, addition })
    else this.#unsynced.push(...changes.map((change) => ({ kind: 'entry' as const, change })))
    return await done
  }

  #changeAt(path: string, before: MemoryNode | undefined): Change[] {
    const node = this.#memory.find(path)
    const folder = this.#memory.find(parentOf(path))
    if (node === before || folder?.kind !== 'folder') return []
    if (node?.kind === 'folder' && !this.#durableEntries.has(node)) this.#durableEntries.set(node, new Map())
    if (node?.kind === 'file' && !this.#durableSizes.has(node)) this.#durableSizes.set(node, 0)
    return [{ folder, name: path.slice(path.lastIndexOf('/') + 1), node }]
  }

  #tracked(handle: WriteHandle, file: MemoryFile): WriteHandle {
    const sizes = this.#durableSizes
    return {
      get size() {
        return handle.size
      },
      write: (chunks) => handle.write(chunks),
      startWriteBack: () => handle.startWriteBack(),
      close: () => handle.close(),
      async sync() {
        await handle.sync()
        sizes.set(file, file.size)
      },
    }
  }

  /** Takes everything as durable. */
  #settle(): void {
    this.#unsynced = []
    this.#durableEntries.clear()
    this.#durableSizes.clear()
    const visit = (node: MemoryNode): void => {
      if (node.kind === 'file') this.#durableSizes.set(node, node.size)
      else this.#durableEntries.set(node, new Map(node.entries))
      if (node.kind === 'folder') for (const child of node.entries.values()) visit(child)
    }
    visit(this.#memory.root)
  }
}

/** What of a change is still to be lost when `folder` was synced. */
function remaining(loss: Extract<Loss, { kind: 'entry' | 'rename' }>, folder: MemoryFolder): (typeof loss)[] {
  if (loss.kind === 'entry') return loss.change.folder === folder ? [] : [loss]
  const left = [loss.removal, loss.addition].filter((change) => change.folder !== folder)
  return left.length === 2 ? [loss] : left.map((change) => ({ kind: 'entry', change }))
}

/** A rename never loses both names at once: it is undone, half done (both names), or done. */
function changesDone(loss: Extract<Loss, { kind: 'entry' | 'rename' }>, state: number): Change[] {
  if (loss.kind === 'entry') return state === 0 ? [] : [loss.change]
  return [[], [loss.addition], [loss.removal, loss.addition]][state] ?? []
}

function apply(entries: Map<MemoryFolder, Map<string, MemoryNode>>, { folder, name, node }: Change): void {
  if (node) entries.get(folder)?.set(name, node)
  else entries.get(folder)?.delete(name)
}

function bytesLeft({ file, durable }: Extract<Loss, { kind: 'bytes' }>, state: number): Uint8Array {
  const bytes = Buffer.concat(file.chunks, file.size)
  const lost = bytes.length - durable
  if (state === 2) return Buffer.concat([bytes.subarray(0, durable)], file.size)
  return bytes.subarray(0, [durable, durable + Math.floor(lost / 2)][state] ?? file.size)
}

/** Builds the tree that is left. A file with two names stays one file; a folder with two names is read twice. */
class Survivor {
  readonly #entries: ReadonlyMap<MemoryFolder, ReadonlyMap<string, MemoryNode>>
  readonly #contents: ReadonlyMap<MemoryFile, Uint8Array>
  readonly #files = new Map<MemoryFile, MemoryFile>()

  constructor(entries: ReadonlyMap<MemoryFolder, ReadonlyMap<string, MemoryNode>>, contents: ReadonlyMap<MemoryFile, Uint8Array>) {
    this.#entries = entries
    this.#contents = contents
  }

  folder(folder: MemoryFolder): MemoryFolder {
    const entries = Array.from(this.#entries.get(folder) ?? [], ([name, node]) => [name, node.kind === 'file' ? this.#file(node) : this.folder(node)] as const)
    return { kind: 'folder', mtimeMs: folder.mtimeMs, entries: new Map(entries) }
  }

  #file(file: MemoryFile): MemoryFile {
    const bytes = this.#contents.get(file)
    const left = this.#files.get(file) ?? { ...file, ...(bytes && { chunks: [bytes], size: bytes.length }) }
    this.#files.set(file, left)
    return left
  }
}

/** Copies of nodes, one for each, so that what was one file stays one. */
class Copies {
  readonly #made = new Map<MemoryNode, MemoryNode>()

  of<T extends MemoryNode>(node: T): T {
    const made = this.#made.get(node) as T | undefined
    if (made) return made
    const copy: MemoryNode = node.kind === 'file' ? { ...node } : { kind: 'folder', entries: new Map(), mtimeMs: node.mtimeMs }
    this.#made.set(node, copy)
    if (node.kind === 'folder' && copy.kind === 'folder') for (const [name, child] of node.entries) copy.entries.set(name, this.of(child))
    return copy as T
  }

  ofLoss(loss: Extract<Loss, { kind: 'entry' | 'rename' }>): typeof loss {
    if (loss.kind === 'entry') return { kind: 'entry', change: this.#ofChange(loss.change) }
    return { kind: 'rename', removal: this.#ofChange(loss.removal), addition: this.#ofChange(loss.addition) }
  }

  #ofChange({ folder, name, node }: Change): Change {
    return { folder: this.of(folder), name, node: node && this.of(node) }
  }
}

/** A name for what is in a volume: the same for the same folders, files and bytes. */
export function fingerprint(driver: MemoryDriver): string {
  const hash = createHash('sha256')
  const visit = (path: string, node: MemoryNode): void => {
    hash.update(`${path}\0${node.kind}\0`)
    if (node.kind === 'file') hash.update(`${node.size}\0`)
    if (node.kind === 'file') for (const chunk of node.chunks) hash.update(chunk)
    else for (const name of [...node.entries.keys()].sort()) visit(`${path}/${name}`, node.entries.get(name) as MemoryNode)
  }
  visit('', driver.root)
  return hash.digest('hex')
}
