import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { Database } from './database.ts'
import { INDEX_SCHEMA, INDEX_VERSION, type IndexTables, STATE_MIGRATIONS, type StateTables } from './tables.ts'

export type IndexDatabase = Database<IndexTables>
export type StateDatabase = Database<StateTables>

export const IN_MEMORY = ':memory:'

/** Told, in a sentence, why a database starts empty. */
type Tell = (reason: string) => void

/**
 * Opens the index, which needs no durability: a file that is damaged, of another version or not to be written gives way to
 * a new one, and where that fails to one in memory.
 *
 * @param cause why the one before failed, if there was one: on a full or failing disk the next is in memory at once.
 */
export function openIndex(path: string, tell: Tell, cause?: Error): IndexDatabase {
  const attempts = cause ? [() => openNew(path)] : [() => openExisting(path, tell), () => openNew(path)]
  for (const attempt of isDiskTrouble(cause) ? [] : attempts) {
    try {
      return attempt()
    } catch (error) {
      tell(`the index ${path} is of no use (${(error as Error).message}); a new one is built from the volume`)
    }
  }
  return openNew(IN_MEMORY)
}

/**
 * Opens what is ours alone: every commit is durable. A damaged file is kept under another name and a new one begun; where
 * the disk takes none, one in memory serves until the next start.
 */
export function openState(path: string, tell: Tell = () => undefined): StateDatabase {
  try {
    return openStateFile(path)
  } catch (error) {
    const { message } = error as Error
    if (isDiskTrouble(error)) {
      tell(`the state ${path} cannot be written (${message}): what is found damaged is forgotten at the next start`)
      return openStateFile(IN_MEMORY)
    }
    if (!isDamage(error)) throw error
    const kept = `${path}.damaged-${statSync(path).mtimeMs}`
    for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, kept + suffix)
    tell(`the state ${path} is damaged (${message}): it is kept as ${kept}, and a new one begins`)
    return openStateFile(path)
  }
}

/** The state was written by a later lacre, which may know what must not be lost. */
class LaterStateError extends Error {
  readonly hint = 'run that version of lacre again, or move the file away: then what was found damaged is forgotten'

  constructor(path: string, version: number) {
    super(`the state ${path} has version ${version}, which is of a later lacre`)
    this.name = 'LaterStateError'
  }
}

/**
 * Opens the state file, or one more connection to it, for example from another thread.
 *
 * @throws when it is damaged, of a later lacre, or the disk takes no writes.
 */
export function openStateFile(path: string): StateDatabase {
  if (path !== IN_MEMORY) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const database = new Database<StateTables>(path, { synchronous: 'FULL' })
  const { version: found } = database
  if (found > STATE_MIGRATIONS.length) {
    database.close()
    throw new LaterStateError(path, found)
  }
  for (let version = found; version < STATE_MIGRATIONS.length; version++) {
    const step = STATE_MIGRATIONS[version] ?? ''
    database.transaction(() => database.execute(`${step}; PRAGMA user_version=${version + 1}`))
  }
  return database
}

const DISK_TROUBLE = new Set([8, 10, 13, 14]) // SQLITE_READONLY, IOERR, FULL, CANTOPEN: another file there would fare no better

const DAMAGE = new Set([11, 26]) // SQLITE_CORRUPT, NOTADB

function isDamage(error: unknown): boolean {
  return DAMAGE.has(((error as { errcode?: number }).errcode ?? 0) % 256)
}

/** Whether the disk takes no more writes, be it full, failing or read-only. */
export function isDiskTrouble(error: unknown): boolean {
  const { errcode, code } = (error ?? {}) as { errcode?: number; code?: string }
  return errcode === undefined ? ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES'].includes(code ?? '') : DISK_TROUBLE.has(errcode % 256)
}

function openExisting(path: string, tell: Tell): IndexDatabase {
  if (path !== IN_MEMORY) mkdirSync(dirname(path), { recursive: true })
  const database = new Database<IndexTables>(path, { synchronous: 'NORMAL' })
  try {
    if (database.version === 0) createSchema(database)
    if (database.version !== INDEX_VERSION) throw new Error(`it has version ${database.version}, not ${INDEX_VERSION}`)
    if (!database.isSound()) throw new Error('it is damaged')
    return database
  } catch (error) {
    closeQuietly(database, tell)
    throw error
  }
}

function openNew(path: string): IndexDatabase {
  for (const suffix of path === IN_MEMORY ? [] : ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true, recursive: true })
  const database = new Database<IndexTables>(path, { synchronous: 'NORMAL' })
  createSchema(database)
  return database
}

function createSchema(database: IndexDatabase): void {
  database.transaction(() => database.execute(`${INDEX_SCHEMA}; PRAGMA user_version=${INDEX_VERSION}`))
}

function closeQuietly(database: IndexDatabase, tell: Tell): void {
  try {
    database.close()
  } catch (error) {
    tell((error as Error).message)
  }
}
