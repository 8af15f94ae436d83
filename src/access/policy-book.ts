import { type AccessDatabase, openAccessFile } from '../metadata/access-file.ts'
import { isDiskTrouble } from '../metadata/connect.ts'
import { AccessError } from './access-error.ts'
import { selectGrants } from './grant-rows.ts'
import { selectGroups } from './group-rows.ts'
import { compilePolicy, type Policy } from './policy.ts'

/** The grants of a registry on disk, and compiled: a change counts from the next decision on. */
export class PolicyBook implements Disposable {
  readonly #database: AccessDatabase
  #policy: Policy

  private constructor(database: AccessDatabase, policy: Policy) {
    this.#database = database
    this.#policy = policy
  }

  /** @throws AccessError `POLICY_UNREADABLE`: without the grants there is no telling who may do what. */
  static open(path: string, options: { readonly isReadOnly?: boolean } = {}): PolicyBook {
    try {
      const database = openAccessFile(path, options)
      return new PolicyBook(database, readOrClose(database))
    } catch (cause) {
      throw new AccessError('POLICY_UNREADABLE', `the grants in ${path} cannot be read: ${(cause as Error).message}`, {
        hint: 'restore the file from a backup; moved away, there are no grants, until "lacre access apply FILE" writes those you have exported',
        cause,
      })
    }
  }

  get policy(): Policy {
    return this.#policy
  }

  /**
   * One transaction, durable on return; what it throws leaves everything as it was.
   *
   * @throws AccessError `FILE_UNUSABLE` when the disk takes no writes.
   */
  change(work: (database: AccessDatabase) => void): Policy {
    try {
      this.#policy = this.#database.transaction(() => {
        work(this.#database)
        return readPolicy(this.#database)
      })
      return this.#policy
    } catch (cause) {
      if (!isDiskTrouble(cause)) throw cause
      const hint = 'make room on the disk, or make it writable; nothing was changed'
      throw new AccessError('FILE_UNUSABLE', `the grants cannot be written: ${(cause as Error).message}`, { hint, cause })
    }
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}

function readOrClose(database: AccessDatabase): Policy {
  try {
    return readPolicy(database)
  } catch (error) {
    database.close()
    throw error
  }
}

function readPolicy(database: AccessDatabase): Policy {
  return compilePolicy(selectGrants(database), selectGroups(database))
}
