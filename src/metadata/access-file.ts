import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Database } from './database.ts'
import { ACCESS_MIGRATIONS, type AccessTables } from './tables.ts'

export type AccessDatabase = Database<AccessTables>

/**
 * Opens the grants; every commit is durable. A file that is not there is made, or with `isReadOnly` is an empty one in memory.
 *
 * @NOTE one that is damaged never gives way to a new one: that would let everybody in.
 * @throws when it is damaged, of a later lacre, or cannot be opened.
 */
export function openAccessFile(path: string, { isReadOnly = false } = {}): AccessDatabase {
  const isMemory = isReadOnly && !existsSync(path)
  if (!isReadOnly) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const database = new Database<AccessTables>(isMemory ? ':memory:' : path, {
    synchronous: 'EXTRA',
    journal: 'DELETE',
    isReadOnly: isReadOnly && !isMemory,
  })
  try {
    bringForward(database, isReadOnly && !isMemory)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function bringForward(database: AccessDatabase, isReadOnly: boolean): void {
  const { version: found } = database
  if (found > ACCESS_MIGRATIONS.length) throw new Error(`it has version ${found}, which is of a later lacre`)
  if (!database.isSound()) throw new Error('it is damaged')
  if (isReadOnly && found < ACCESS_MIGRATIONS.length) throw new Error(`it has version ${found}, and nothing may be written here`)
  for (let version = found; version < ACCESS_MIGRATIONS.length; version++) {
    const step = ACCESS_MIGRATIONS[version] ?? ''
    database.transaction(() => database.execute(`${step}; PRAGMA user_version=${version + 1}`))
  }
}
