import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Selectable } from 'kysely'
import { authorityPaths } from '../pki/authority-files.ts'
import { CertificateError } from '../pki/certificate-error.ts'
import { type CertificateProfile, type Ledger, type LedgerEntry, type LedgerPen, plainSerial, type RevocationReason } from '../pki/ledger.ts'
import { Database } from './database.ts'
import { LEDGER_MIGRATIONS, type LedgerTables } from './tables.ts'

/** How long to wait for other writers, each of whom takes some milliseconds. */
const PATIENCE_MS = 20_000
const GLANCE_MS = 25

/**
 * Opens the ledger in a file of its own, which is made where there is none. Commits are durable.
 *
 * @throws CertificateError when the file is damaged, of a later lacre, cannot be made, or is gone from a CA that has revoked with it.
 */
export function openCertificateLedger(path: string, patienceMs = PATIENCE_MS): Ledger {
  refuseLost(path)
  return new SqliteLedger(path, openDatabase(path), patienceMs)
}

type LedgerDatabase = Database<LedgerTables>
type Row = Selectable<LedgerTables['certificate']>

class SqliteLedger implements Ledger {
  readonly #path: string
  readonly #database: LedgerDatabase
  readonly #patienceMs: number
  #last: Promise<unknown> = Promise.resolve()

  constructor(path: string, database: LedgerDatabase, patienceMs: number) {
    this.#path = path
    this.#database = database
    this.#patienceMs = patienceMs
  }

  list(): LedgerEntry[] {
    return this.#database.all(this.#certificates.orderBy('id')).map(readRow)
  }

  find(serial: string): LedgerEntry | undefined {
    const row = this.#database.first(this.#certificates.where('serial', '=', plainSerial(serial)))
    return row && readRow(row)
  }

  findByName(name: string): LedgerEntry[] {
    const wanted = new Set([name, `dns:${name.toLowerCase()}`, `ip:${name}`, `uri:${name}`, `uri:lacre:account/${encodeURIComponent(name)}`])
    return this.list().filter(({ names }) => names.some((own) => wanted.has(own)))
  }

  /** In this process one after another, and no other process meanwhile: an SQLite transaction stays open. */
  exclusively<T>(work: (pen: LedgerPen) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#transact(work))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  close(): void {
    this.#database.close()
  }

  get #certificates() {
    return this.#database.build.selectFrom('certificate').selectAll()
  }

  async #transact<T>(work: (pen: LedgerPen) => Promise<T>): Promise<T> {
    await this.#lock(Date.now() + this.#patienceMs)
    try {
      const result = await work(penOn(this.#database))
      this.#database.execute('COMMIT')
      return result
    } catch (error) {
      rollBack(this.#database)
      throw isSqliteError(error) ? cannotWrite(this.#path, error) : error
    }
  }

  /** Asks again and again, since SQLite's own waiting would stop the whole process. */
  async #lock(deadline: number): Promise<void> {
    for (;;) {
      try {
        this.#database.execute('BEGIN IMMEDIATE')
        return
      } catch (error) {
        if (!isBusy(error)) throw cannotWrite(this.#path, error)
        if (Date.now() >= deadline) throw isLocked(this.#path, error)
      }
      await wait(GLANCE_MS)
    }
  }
}

function penOn(database: LedgerDatabase): LedgerPen {
  const { build } = database
  return {
    add(entry) {
      const known = database.first(build.selectFrom('certificate').select('fingerprint').where('serial', '=', plainSerial(entry.serial)))
      if (known?.fingerprint === entry.fingerprint256) return
      if (known) throw isOfAnother(entry)
      database.run(build.insertInto('certificate').values(toRow(entry) as Row))
    },
    revoke(serial, at, reason) {
      database.run(build.updateTable('certificate').set({ revoked_at: at.getTime(), reason }).where('serial', '=', plainSerial(serial)))
    },
    nextListNumber() {
      const row = database.first(
        build
          .updateTable('revocation_list')
          .set(({ eb }) => ({ number: eb('number', '+', 1) }))
          .returning('number'),
      )
      return row?.number ?? 1
    },
    raiseListNumber(known) {
      database.run(build.updateTable('revocation_list').set({ number: known }).where('number', '<', known))
    },
  }
}

function toRow(entry: LedgerEntry): Omit<Row, 'id'> {
  return {
    serial: plainSerial(entry.serial),
    profile: entry.profile,
    names: JSON.stringify(entry.names),
    subject: entry.subject,
    not_before: entry.notBefore.getTime(),
    not_after: entry.notAfter.getTime(),
    fingerprint: entry.fingerprint256,
    pem: entry.pem,
    revoked_at: entry.revokedAt?.getTime() ?? null,
    reason: entry.reason ?? null,
  }
}

function readRow(row: Row): LedgerEntry {
  return {
    serial: row.serial,
    profile: row.profile as CertificateProfile,
    names: JSON.parse(row.names) as string[],
    subject: row.subject,
    notBefore: new Date(row.not_before),
    notAfter: new Date(row.not_after),
    fingerprint256: row.fingerprint,
    pem: row.pem,
    ...(row.revoked_at !== null && { revokedAt: new Date(row.revoked_at), reason: (row.reason ?? 'unspecified') as RevocationReason }),
  }
}

/** @NOTE A new ledger in the place of one that is lost would know nothing of what was issued: nobody could revoke it by its name. */
function refuseLost(path: string): void {
  const { key, listPem } = authorityPaths(dirname(path))
  if (existsSync(path) || ![key, listPem].every((file) => existsSync(file))) return
  throw new CertificateError(`the ledger ${path} is gone: the CA beside it has issued certificates that nothing else knows`, {
    hint: `restore it from a backup; without one, begin an empty one with "touch ${path}": what ${listPem} holds stays revoked`,
  })
}

function openDatabase(path: string): LedgerDatabase {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const database: LedgerDatabase = new Database(path, { synchronous: 'FULL' })
    database.execute(`PRAGMA busy_timeout=${4 * GLANCE_MS}`)
    migrate(database, path)
    return database
  } catch (error) {
    throw isSqliteError(error) || (error as NodeJS.ErrnoException).syscall ? cannotOpen(path, error) : error
  }
}

function migrate(database: LedgerDatabase, path: string): void {
  if (database.version > LEDGER_MIGRATIONS.length) {
    database.close()
    throw new CertificateError(`the ledger ${path} was written by a later lacre`, { hint: 'use that version of lacre' })
  }
  if (database.version === LEDGER_MIGRATIONS.length) return
  database.transaction(() => {
    for (const step of LEDGER_MIGRATIONS.slice(database.version)) database.execute(step)
    database.execute(`PRAGMA user_version=${LEDGER_MIGRATIONS.length}`)
  })
}

/** @NOTE On a full disk SQLite has rolled back by itself. */
function rollBack(database: LedgerDatabase): void {
  try {
    database.execute('ROLLBACK')
  } catch (error) {
    if (!isSqliteError(error)) throw error
  }
}

const BUSY = 5 // SQLITE_BUSY
const [SQLITE_IOERR, SQLITE_FULL] = [10, 13]

function isSqliteError(error: unknown): boolean {
  return (error as { errcode?: number }).errcode !== undefined
}

function isBusy(error: unknown): boolean {
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === BUSY
}

/** @NOTE A full disk is an I/O error for some of SQLite's files. */
function isOfDisk(error: unknown): boolean {
  return [SQLITE_IOERR, SQLITE_FULL].includes(((error as { errcode?: number }).errcode ?? 0) % 256)
}

function isLocked(path: string, cause: unknown): CertificateError {
  return new CertificateError(`the ledger ${path} stays locked: another lacre is writing certificates there`, {
    hint: `wait until it has ended (who has it open: fuser ${path}), then run this command again`,
    cause,
  })
}

function cannotWrite(path: string, cause: unknown): CertificateError {
  return new CertificateError(`the ledger ${path} cannot be written (${(cause as Error).message})`, {
    hint: 'nothing was issued or revoked: see to space and permissions there, then run this command again',
    cause,
  })
}

function isOfAnother({ serial, subject }: LedgerEntry): CertificateError {
  return new CertificateError(`the ledger has another certificate with the serial ${serial} of ${subject}`, {
    hint: 'revocation lists could not tell them apart: keep this CA in a folder of its own, with --pki DIR',
  })
}

function cannotOpen(path: string, cause: unknown): CertificateError {
  return new CertificateError(`the ledger ${path} cannot be opened (${(cause as Error).message})`, {
    hint: isOfDisk(cause) ? `see to the space and the health of its disk: df ${dirname(path)}` : 'see to its permissions, or restore it from a backup',
    cause,
  })
}
