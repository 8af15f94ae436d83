import { type IndexDatabase, isDiskTrouble } from '../metadata/connect.ts'

/**
 * The index as the registry uses it. When it fails (damaged, disk full) it is replaced by an empty one, and whoever
 * believed its rows is told: they are rebuilt from the volume.
 */
export class Rows {
  #database: IndexDatabase
  readonly #open: (cause?: Error) => IndexDatabase
  readonly #onReplaced: (cause: Error) => void

  /** Grows each time the rows start anew: what was read before says nothing about after. */
  generation = 0

  /** @param open is told why the one before failed. */
  constructor(open: (cause?: Error) => IndexDatabase, onReplaced: (cause: Error) => void) {
    this.#open = open
    this.#database = open()
    this.#onReplaced = onReplaced
  }

  read<T>(work: (database: IndexDatabase) => T): T {
    return this.#guarded(() => work(this.#database))
  }

  /**
   * One transaction, committed on return. On a full disk the index goes on in memory: what was changed on the volume
   * stays changed, and its rows are settled anew.
   */
  change<T>(work: (database: IndexDatabase) => T): T {
    const { generation } = this
    try {
      return this.#changeOnce(work)
    } catch (error) {
      if (!isDiskTrouble(error) || this.generation === generation) throw error
      return this.#changeOnce(work)
    }
  }

  close(): void {
    this.#database.close()
  }

  #changeOnce<T>(work: (database: IndexDatabase) => T): T {
    return this.#guarded(() => this.#database.transaction(() => work(this.#database)))
  }

  #guarded<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (isFailure(error)) this.#replace(error)
      throw error
    }
  }

  #replace(cause: Error): void {
    try {
      this.#database.close()
    } finally {
      this.#database = this.#open(cause)
      this.generation++
      this.#onReplaced(cause)
    }
  }
}

const ABOUT_THE_QUERY = new Set([18, 19, 20, 25]) // SQLITE_TOOBIG, CONSTRAINT, MISMATCH, RANGE

/** Of the index itself; a row or a query that is refused says nothing against the others. */
function isFailure(error: unknown): error is Error {
  const { code, errcode = 0 } = error as { code?: string; errcode?: number }
  return code === 'ERR_SQLITE_ERROR' && !ABOUT_THE_QUERY.has(errcode % 256)
}
