import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { Database } from './database.ts'
import { INDEX_SCHEMA, INDEX_VERSION, type IndexTables, STATE_MIGRATIONS, type StateTables } from './tables.ts'

export type IndexDatabase = Database<IndexTables>
export type StateDatabase = Database<StateTables>

export const IN_MEMORY = ':memory:'

/**
 * Opens the index, which needs no durability: a file that is damaged, of another version or not to be written gives way to
 * a new one, and where that fails to one in memory.
 *
 * @param report is told, in a sentence, why the index starts empty.
 */
export function openIndex(path: string, report: (reason: string) => void): IndexDatabase {
  for (const attempt of [() => openExisting(path, report), () => openNew(path)]) {
    try {
      return attempt()
    } catch (error) {
      report(`the index ${path} is of no use (${(error as Error).message}); a new one is built from the volume`)
    }
  }
  return openNew(IN_MEMORY)
}

/** Opens what is ours alone: every commit is durable. Never replaced: if it cannot be read, starting fails and says so. */
export function openState(path: string): StateDatabase {
  if (path !== IN_MEMORY) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const database = new Database<StateTables>(path, 'FULL')
  for (let version = database.version; version < STATE_MIGRATIONS.length; version++) {
    const step = STATE_MIGRATIONS[version] ?? ''
    database.transaction(() => database.execute(`${step}; PRAGMA user_version=${version + 1}`))
  }
  return database
}

function openExisting(path: string, report: (reason: string) => void): IndexDatabase {
  if (path !== IN_MEMORY) mkdirSync(dirname(path), { recursive: true })
  const database = new Database<IndexTables>(path, 'NORMAL')
  try {
    if (database.version === 0) createSchema(database)
    if (database.version !== INDEX_VERSION) throw new Error(`it has version ${database.version}, not ${INDEX_VERSION}`)
    if (!database.isSound()) throw new Error('it is damaged')
    return database
  } catch (error) {
    closeQuietly(database, report)
    throw error
  }
}

function openNew(path: string): IndexDatabase {
  for (const suffix of path === IN_MEMORY ? [] : ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true, recursive: true })
  const database = new Database<IndexTables>(path, 'NORMAL')
  createSchema(database)
  return database
}

function createSchema(database: IndexDatabase): void {
  database.transaction(() => database.execute(`${INDEX_SCHEMA}; PRAGMA user_version=${INDEX_VERSION}`))
}

function closeQuietly(database: IndexDatabase, report: (reason: string) => void): void {
  try {
    database.close()
  } catch (error) {
    report((error as Error).message)
  }
}
