import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { listAccounts } from './access/accounts.ts'
import type { AccessDesk } from './access/operations.ts'
import { PolicyBook } from './access/policy-book.ts'
import { STATE } from './volume/layout.ts'

/** The grants of the volume below `root`. @throws AccessError `POLICY_UNREADABLE` */
export function openPolicyBook(root: string, options: { readonly isReadOnly?: boolean } = {}): PolicyBook {
  return PolicyBook.open(join(root, STATE, 'access.db'), options)
}

/** @param htpasswd the configured file of users, `undefined` where none is. */
export function deskOf(book: PolicyBook, htpasswd: string | undefined): AccessDesk {
  return { book, hasUsers: htpasswd !== undefined, findUsers: () => findUsers(htpasswd) }
}

/** For a volume whose configuration is not at hand: its users are those of `lacre up`, if that made any. */
export function deskWithoutConfiguration(book: PolicyBook, root: string): AccessDesk {
  const htpasswd = join(root, STATE, 'htpasswd')
  return existsSync(htpasswd) ? deskOf(book, htpasswd) : { book, hasUsers: undefined, findUsers: async () => undefined }
}

async function findUsers(htpasswd: string | undefined): Promise<ReadonlySet<string> | undefined> {
  if (htpasswd === undefined) return undefined
  const accounts = await listAccounts(htpasswd).catch(() => undefined) // it may be unreadable or broken, which its own command tells
  return accounts && new Set(accounts.map(({ name }) => name))
}
