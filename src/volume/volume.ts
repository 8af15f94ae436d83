import { randomUUID } from 'node:crypto'
import type { Driver } from './driver.ts'
import { DurableFolders } from './durable-folders.ts'
import { BLOBS, parentOf, REPOSITORIES, STAGING, TRASH } from './layout.ts'

/** The two trees of Distribution's layout, which may be mounts of their own. */
export type Tree = 'blobs' | 'repositories'

const BESIDE: Readonly<Record<Tree, string>> = { blobs: `${BLOBS}/_lacre`, repositories: `${REPOSITORIES}/_lacre` }

/**
 * How bytes and links come into the volume and leave it: staged and synced aside, renamed into place, folders synced.
 * After `place`, `placeFolder`, `removeLink` and `retire` return, what they did survives a power cut.
 */
export class Volume {
  readonly driver: Driver
  readonly #durable = new DurableFolders()
  readonly #staging: Record<Tree, string> = { blobs: STAGING, repositories: STAGING }

  constructor(driver: Driver) {
    this.driver = driver
  }

  /**
   * Prepares the volume for its only writer: makes everything durable that was renamed before a crash, clears our staging
   * and trash, and finds out whether staging must stand beside the target (split mounts).
   */
  async open(): Promise<void> {
    for (const folder of [BLOBS, REPOSITORIES, STAGING, TRASH]) await this.driver.makeFolder(folder)
    await this.driver.syncAll()
    for (const folder of [STAGING, TRASH, ...Object.values(BESIDE)]) await this.#empty(folder)
    this.#staging.blobs = (await this.#canRename(BLOBS)) ? STAGING : BESIDE.blobs
    this.#staging.repositories = (await this.#canRename(REPOSITORIES)) ? STAGING : BESIDE.repositories
    await this.driver.makeFolder(this.#staging.blobs)
    await this.driver.makeFolder(this.#staging.repositories)
  }

  /** A free path to stage a file or a folder for `tree`, on the same mount. */
  stagingPath(tree: Tree): string {
    return `${this.#staging[tree]}/${randomUUID()}`
  }

  /** Writes a file and syncs its bytes (not its folder's entry). On failure nothing of it stays. */
  async writeDurably(path: string, bytes: Uint8Array): Promise<void> {
    const handle = await this.driver.openWrite(path, { create: true })
    try {
      await handle.write([bytes])
      await handle.sync()
    } catch (error) {
      await handle.close()
      await this.driver.removeFile(path)
      throw error
    }
    await handle.close()
  }

  /** Stages a small file and returns its path. */
  async stage(tree: Tree, bytes: Uint8Array): Promise<string> {
    const path = this.stagingPath(tree)
    await this.writeDurably(path, bytes)
    return path
  }

  /** Renames a synced file or a ready-made folder into place, over an existing file; durable on return. What was staged with us never stays behind. */
  async place(staged: string, target: string): Promise<void> {
    try {
      await this.driver.makeFolder(parentOf(target))
      await this.driver.rename(staged, target)
    } catch (error) {
      if (this.#isStaged(staged)) await this.removeTree(staged)
      throw error
    }
    await this.#syncUp(parentOf(target))
  }

  /** Makes durable that a path is there, as far as this process does not know that it is. */
  async syncPlace(path: string): Promise<void> {
    await this.#syncUp(parentOf(path))
  }

  /** Removes a link and its folder; durable on return. `false` when there was none. */
  async removeLink(path: string): Promise<boolean> {
    if (!(await this.driver.stat(path))) return false
    const folder = parentOf(path)
    await this.driver.removeFile(path)
    await this.driver.syncFolder(folder)
    await this.driver.removeFolder(folder)
    this.#durable.forget(folder)
    return true
  }

  /** Moves a folder out of the tree as one step, durably, and then removes it. `false` when there was none. */
  async retire(tree: Tree, folder: string): Promise<boolean> {
    if (!(await this.driver.stat(folder))) return false
    this.#durable.forget(folder)
    const grave = this.#staging[tree] === STAGING ? `${TRASH}/${randomUUID()}` : this.stagingPath(tree)
    const isMoved = await this.#movedAway(folder, grave)
    if (!isMoved) await this.removeTree(folder)
    await this.driver.syncFolder(parentOf(folder))
    if (isMoved) await this.driver.syncFolder(parentOf(grave))
    if (isMoved) await this.removeTree(grave)
    return true
  }

  /** Removes a file or a folder with all that is in it; not durable, not in one step. */
  async removeTree(path: string): Promise<void> {
    const found = await this.driver.stat(path)
    if (!found) return
    if (found.kind === 'file') return this.driver.removeFile(path)
    for (const entry of await this.driver.list(path)) await this.removeTree(`${path}/${entry.name}`)
    await this.driver.removeFolder(path)
  }

  /** A folder of an image's lower layer cannot be renamed on overlayfs (EXDEV). */
  async #movedAway(folder: string, grave: string): Promise<boolean> {
    try {
      await this.driver.rename(folder, grave)
      return true
    } catch (error) {
      if (isCrossDevice(error)) return false
      throw error
    }
  }

  /** Syncs a folder, and those above it up to the first whose own entry is known to be durable. */
  async #syncUp(folder: string): Promise<void> {
    const { forgotten } = this.#durable
    const chain = [folder]
    for (let at = folder; !this.#durable.has(at); at = parentOf(at)) chain.push(parentOf(at))
    await Promise.all(chain.map((path) => this.driver.syncFolder(path)))
    if (this.#durable.forgotten !== forgotten) return
    for (const path of chain.slice(0, -1)) this.#durable.add(path)
  }

  #isStaged(path: string): boolean {
    return Object.values(this.#staging).includes(parentOf(path))
  }

  async #empty(folder: string): Promise<void> {
    for (const entry of await this.driver.list(folder)) await this.removeTree(`${folder}/${entry.name}`)
  }

  /** Whether a file and a folder staged below `lacre/` can be renamed into `folder` and back. */
  async #canRename(folder: string): Promise<boolean> {
    const inside = `${folder}/_lacre-probe`
    await this.removeTree(inside) // a start that was killed here left it
    try {
      for (const kind of ['file', 'folder'] as const) {
        const probe = `${STAGING}/${randomUUID()}`
        await (kind === 'file' ? this.writeDurably(probe, new Uint8Array()) : this.driver.makeFolder(probe))
        await this.driver.rename(probe, inside)
        await this.removeTree(inside)
      }
      return true
    } catch (error) {
      if (isCrossDevice(error)) return false
      if (isDiskFull(error)) return true // pulls and deletions are served on a full disk, too
      throw error
    } finally {
      await this.#empty(STAGING)
    }
  }
}

export function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')
}

export function isCrossDevice(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EXDEV'
}
