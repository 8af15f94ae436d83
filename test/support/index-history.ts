import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type IndexDatabase, openIndex } from '../../src/metadata/connect.ts'
import { emptyIndex } from './on-driver.ts'

/** Which index a restart finds: that of the last commit, of the one before, of long ago, or none. */
export const INDEX_FATES = ['kept', 'one commit lost', 'many commits lost', 'removed'] as const
export type IndexFate = (typeof INDEX_FATES)[number]

/** An index in a file, with a copy of it after every commit. */
export class IndexHistory {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lacre-index-'))
  #commits = 0
  #opened = 0

  /** Starts empty, or with another's index as it was after `commits`. */
  constructor(from?: { readonly history: IndexHistory; readonly commits: number }) {
    if (from) copyFileSync(from.history.#copy(from.commits), join(this.#folder, 'index.db'))
  }

  /** Commits so far. */
  get commits(): number {
    return this.#commits
  }

  open = (): IndexDatabase => {
    const index = openQuickly(join(this.#folder, 'index.db'))
    const transaction = index.transaction.bind(index)
    const keep = (): void => {
      rmSync(this.#copy(this.#commits), { force: true })
      index.execute(`VACUUM INTO '${this.#copy(this.#commits)}'`)
    }
    index.transaction = (work) => {
      const result = transaction(work)
      this.#commits++
      keep()
      return result
    }
    keep()
    return index
  }

  /** Opens the index as a restart after `commits` commits may find it. */
  reopen(commits: number, fate: IndexFate): IndexDatabase {
    if (fate === 'removed') return emptyIndex()
    const path = join(this.#folder, `opened-${this.#opened++}.db`)
    copyFileSync(this.#copy({ kept: commits, 'one commit lost': Math.max(0, commits - 1), 'many commits lost': 0 }[fate]), path)
    return openQuickly(path)
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true })
  }

  #copy(commits: number): string {
    return join(this.#folder, `after-${commits}.db`)
  }
}

/** What the disk would keep is decided here, by copies: nothing needs to be synced. */
function openQuickly(path: string): IndexDatabase {
  const index = openIndex(path, () => undefined)
  index.execute('PRAGMA synchronous=OFF')
  return index
}
