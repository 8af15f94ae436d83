import { AccessError } from './access-error.ts'
import type { AccountName } from './account-name.ts'
import { costOf, findBcryptHash, nameAlgorithm } from './bcrypt-hash.ts'
import { type EditedFile, editHtpasswd, readHtpasswd } from './htpasswd-edit.ts'
import { findEntries, type HtpasswdEntry, listEntries, removeEntries, setEntry } from './htpasswd-file.ts'
import { PasswordWorkers } from './password-workers.ts'
import { type BcryptCost, DEFAULT_COST, type NewPassword } from './passwords.ts'

/** One account of a htpasswd file. */
export interface Account {
  readonly name: string
  /** `bcrypt`, or what else stands in the file. */
  readonly algorithm: string
  /** Of bcrypt only. */
  readonly cost?: number
  /** False when no password can match: the registry takes only bcrypt. */
  readonly isUsable: boolean
}

/**
 * Adds an account; the file (0600) and its folder (0700) are made when missing. On return the change is durable, and a running registry sees it.
 *
 * @throws AccessError `ACCOUNT_EXISTS`, or what {@link editHtpasswd} throws.
 */
export async function addAccount(path: string, name: AccountName, password: NewPassword, cost: BcryptCost = DEFAULT_COST): Promise<EditedFile> {
  const hash = await hashPassword(password, cost)
  return await editHtpasswd(path, { create: true }, (file) => {
    if (findEntries(file, name).length > 0) {
      throw new AccessError('ACCOUNT_EXISTS', `user ${name} is in ${path} already`, { hint: `set a new password with "lacre user passwd ${name}"` })
    }
    return setEntry(file, { name, hash })
  })
}

/** Gives an account another password. @throws AccessError `ACCOUNT_UNKNOWN`, or what {@link editHtpasswd} throws. */
export async function setPassword(path: string, name: AccountName, password: NewPassword, cost: BcryptCost = DEFAULT_COST): Promise<EditedFile> {
  const hash = await hashPassword(password, cost)
  return await editHtpasswd(path, {}, (file) => {
    if (findEntries(file, name).length === 0) throw unknown(path, name)
    return setEntry(file, { name, hash })
  })
}

/**
 * Gives a name this password, whether the file had it or not, and tells which. With `afresh` the file is made, or emptied first.
 *
 * @throws AccessError what {@link editHtpasswd} throws.
 */
export async function putAccount(path: string, entry: HtpasswdEntry, { afresh = false } = {}): Promise<'added' | 'updated'> {
  let outcome: 'added' | 'updated' = 'added'
  await editHtpasswd(path, { create: afresh, afresh }, (file) => {
    outcome = findEntries(file, entry.name).length > 0 ? 'updated' : 'added'
    return setEntry(file, entry)
  })
  return outcome
}

/** Removes an account, whatever its name looks like. @throws AccessError `ACCOUNT_UNKNOWN`, or what {@link editHtpasswd} throws. */
export async function removeAccount(path: string, name: string): Promise<EditedFile> {
  return await editHtpasswd(path, {}, (file) => {
    if (findEntries(file, name).length === 0) throw unknown(path, name)
    return removeEntries(file, name)
  })
}

/** The accounts in the order of the file, each once. @throws AccessError `FILE_MISSING`, `FILE_INVALID`, `FILE_UNUSABLE` */
export async function listAccounts(path: string): Promise<Account[]> {
  const last = new Map(listEntries(await readHtpasswd(path)).map((entry) => [entry.name, entry]))
  return [...last.values()].map(describeAccount)
}

/** Whether this is the password of that account. @throws AccessError `ACCOUNT_UNKNOWN`, `HASH_UNUSABLE`, `FILE_MISSING`, `FILE_INVALID`, `FILE_UNUSABLE` */
export async function verifyAccount(path: string, name: string, password: string): Promise<boolean> {
  const entry = findEntries(await readHtpasswd(path), name).at(-1)
  if (!entry) throw unknown(path, name)
  const hash = findBcryptHash(entry.hash)
  if (!hash) throw unusable(name, entry.hash)
  if (password.includes('\0')) return false
  await using workers = new PasswordWorkers({ size: 1 })
  return await workers.verify(password, hash)
}

/** The hash of a password, in a thread of its own. */
export async function hashPassword(password: NewPassword, cost: BcryptCost): Promise<string> {
  await using workers = new PasswordWorkers({ size: 1 })
  return await workers.hash(password, cost)
}

function describeAccount(entry: HtpasswdEntry): Account {
  const hash = findBcryptHash(entry.hash)
  return { name: entry.name, algorithm: nameAlgorithm(entry.hash), ...(hash && { cost: costOf(hash) }), isUsable: hash !== undefined }
}

function unknown(path: string, name: string): AccessError {
  return new AccessError('ACCOUNT_UNKNOWN', `there is no user ${name} in ${path}`, { hint: `see "lacre user list --file ${path}"` })
}

function unusable(name: string, hash: string): AccessError {
  return new AccessError(
    'HASH_UNUSABLE',
    `the password of ${name} is stored as ${nameAlgorithm(hash)}: the registry takes only bcrypt, so nothing matches it`,
    {
      hint: `set a new password with "lacre user passwd ${name}"`,
    },
  )
}
