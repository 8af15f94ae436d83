import { LRUCache } from 'lru-cache'
import { type Digest, findDigest } from '../oci/digest.ts'
import type { Driver } from './driver.ts'
import type { Volume } from './volume.ts'

/** What a link file says. Distribution 2.8 leaves empty ones behind after a crash: those are damaged, never a digest. */
export type Link = { readonly state: 'there'; readonly digest: Digest } | { readonly state: 'missing' } | { readonly state: 'damaged'; readonly path: string }

const LINK_LIMIT = 4096 // a digest with its algorithm has 135 characters at most
const REMEMBERED_LINKS = 100_000 // about 30 MB at most

export async function inspectLink(driver: Driver, path: string): Promise<Link> {
  const bytes = await driver.read(path, LINK_LIMIT).catch(unlessNoLink)
  if (!bytes) return { state: 'missing' }
  const digest = findDigest(bytes.toString('latin1').trim())
  return digest ? { state: 'there', digest } : { state: 'damaged', path }
}

/** Whether the operating system would not give it, as on a failing disk. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return typeof (error as NodeJS.ErrnoException).syscall === 'string'
}

const NO_FILE = new Set(['EISDIR', 'ESPIPE', 'ENXIO', 'ELOOP']) // a folder, a pipe, a socket, a symbolic link to itself

/** Something else in a link's place, or a file far too long, is damage; any other trouble is trouble. */
function unlessNoLink(error: NodeJS.ErrnoException): Buffer {
  if (error.code && !NO_FILE.has(error.code)) throw error
  return Buffer.alloc(0)
}

/**
 * Reads and writes links, and remembers what stands in them: this process is the volume's only writer. That a link is
 * missing is not remembered, so that names that do not exist leave nothing behind.
 */
export class Links {
  readonly #volume: Volume
  readonly #onDamage: (path: string) => void
  readonly #remembered = new LRUCache<string, Digest>({ maxSize: REMEMBERED_LINKS, sizeCalculation: () => 1 }) // with max, all of it is allocated at once
  #changes = 0

  constructor(volume: Volume, onDamage: (path: string) => void) {
    this.#volume = volume
    this.#onDamage = onDamage
  }

  /** The digest in a link; `undefined` when it is missing or damaged (damage is reported). */
  async find(path: string): Promise<Digest | undefined> {
    const known = this.#remembered.get(path)
    if (known) return known
    const changes = this.#changes
    const link = await inspectLink(this.#volume.driver, path)
    if (link.state === 'damaged') this.#onDamage(path)
    if (link.state !== 'there') return undefined
    if (changes === this.#changes) this.#remembered.set(path, link.digest) // @NOTE a write meanwhile may have made it stale
    return link.digest
  }

  /**
   * As `find`, telling a link that is missing from one that cannot be read: for whoever looks at many links, of which a bad
   * one must not hide the others.
   */
  async look(path: string): Promise<Digest | 'missing' | 'unreadable'> {
    try {
      const digest = await this.find(path)
      if (digest) return digest
      return (await this.#volume.driver.stat(path)) ? 'unreadable' : 'missing'
    } catch (error) {
      if (!isSystemError(error)) throw error
      this.#onDamage(path)
      return 'unreadable'
    }
  }

  /** Makes the link or replaces what it says; durable on return. */
  async write(path: string, digest: Digest): Promise<void> {
    const staged = await this.#volume.stage('repositories', Buffer.from(digest))
    await this.changing([path], () => this.#volume.place(staged, path))
  }

  /** Removes the link; durable on return. `false` when there was none. */
  remove(path: string): Promise<boolean> {
    return this.changing([path], () => this.#volume.removeLink(path))
  }

  /** Makes the link unless it is there: then its time of last change is renewed, and with it its grace before collection. */
  async affirm(path: string, digest: Digest, nowMs: number): Promise<void> {
    if ((await this.find(path)) === digest && (await this.#renewed(path, nowMs))) return
    await this.write(path, digest)
  }

  /** Reads every link afresh from now on: somebody may have edited them by hand. */
  forgetAll(): void {
    this.#changes++
    this.#remembered.clear()
  }

  /** Runs `work`, which changes these links on the volume; whatever becomes of it, they are read afresh afterwards. */
  async changing<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
    this.#forget(paths)
    try {
      return await work()
    } finally {
      this.#forget(paths)
    }
  }

  /** `false` when somebody removed the file behind our back. */
  async #renewed(path: string, nowMs: number): Promise<boolean> {
    try {
      await this.#volume.driver.touch(path, nowMs)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw error
    }
  }

  #forget(paths: readonly string[]): void {
    this.#changes++
    for (const path of paths) this.#remembered.delete(path)
  }
}
