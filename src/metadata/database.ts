import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type CompiledQuery, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { LRUCache } from 'lru-cache'

export interface Compilable<Row> {
  compile(): CompiledQuery<Row>
}

type Value = string | number | null

export interface DatabaseOptions {
  /** What a commit waits for: `EXTRA` is what makes one durable where the journal is not a write-ahead log. */
  readonly synchronous: 'NORMAL' | 'FULL' | 'EXTRA'
  /** `DELETE` leaves one file, which can be read where nothing may be written. */
  readonly journal?: 'WAL' | 'DELETE'
  readonly isReadOnly?: boolean
}

/**
 * A SQLite file, with queries built by Kysely and run at once: a transaction is one synchronous step, so none is ever held
 * across an `await`.
 */
export class Database<Tables> {
  readonly build: Kysely<Tables>
  readonly #database: DatabaseSync
  readonly #statements = new LRUCache<string, StatementSync>({ max: 200 })

  constructor(path: string, { synchronous, journal = 'WAL', isReadOnly = false }: DatabaseOptions) {
    this.#database = new DatabaseSync(path, { timeout: 5000, readOnly: isReadOnly })
    try {
      if (!isReadOnly) this.#database.exec(`PRAGMA journal_mode=${journal}; PRAGMA synchronous=${synchronous}; PRAGMA foreign_keys=ON`)
    } catch (error) {
      this.#database.close()
      throw error
    }
    this.build = new Kysely<Tables>({
      dialect: {
        createAdapter: () => new SqliteAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (kysely) => new SqliteIntrospector(kysely),
        createQueryCompiler: () => new SqliteQueryCompiler(),
      },
    })
  }

  all<Row>(query: Compilable<Row>): Row[] {
    const { sql, parameters } = query.compile()
    return this.#statement(sql).all(...(parameters as Value[])) as Row[]
  }

  first<Row>(query: Compilable<Row>): Row | undefined {
    const { sql, parameters } = query.compile()
    return this.#statement(sql).get(...(parameters as Value[])) as Row | undefined
  }

  run(query: Compilable<unknown>): void {
    const { sql, parameters } = query.compile()
    this.#statement(sql).run(...(parameters as Value[]))
  }

  /** All of `work` or nothing of it; committed on return. Not nested. */
  transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  execute(sql: string): void {
    this.#database.exec(sql)
  }

  get version(): number {
    const row = this.#database.prepare('PRAGMA user_version').get() as { user_version: number }
    return row.user_version
  }

  /** Whether SQLite finds its own pages in order. */
  isSound(): boolean {
    const row = this.#database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
    return row.quick_check === 'ok'
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
