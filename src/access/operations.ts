import { allow, apply, revoke } from './change-grants.ts'
import { addGroup, joinGroup, leaveGroup, listGroups, removeGroup } from './change-groups.ts'
import { describeTerms, formatTerms } from './grant.ts'
import type { PolicyBook } from './policy-book.ts'
import { describePolicy } from './policy-document.ts'
import { answerWhy, tryCases } from './questions.ts'

/** What the operations work on: the grants, and who may log in. */
export interface AccessDesk {
  readonly book: PolicyBook
  /** Whether users are configured; `undefined` where that is not known. */
  readonly hasUsers: boolean | undefined
  /** The names of those who may log in; `undefined` where that is not known. */
  findUsers(): Promise<ReadonlySet<string> | undefined>
}

export type Parameters = Readonly<Record<string, unknown>>

/** What an operator may ask about who may do what, by name. Parameters and results are plain data. */
const operations = {
  'access-list': async ({ book }) => book.policy.grants.map((grant) => ({ id: grant.id, ...describeTerms(grant), text: formatTerms(grant) })),
  'access-export': async ({ book }) => describePolicy(book.policy),
  'access-allow': allow,
  'access-revoke': revoke,
  'access-apply': apply,
  'access-why': answerWhy,
  'access-test': tryCases,
  'group-list': listGroups,
  'group-add': addGroup,
  'group-remove': removeGroup,
  'group-join': joinGroup,
  'group-leave': leaveGroup,
} satisfies Record<string, (desk: AccessDesk, parameters: Parameters) => Promise<unknown>>

export type AccessOperation = keyof typeof operations

export function isAccessOperation(name: string): name is AccessOperation {
  return Object.hasOwn(operations, name)
}

export function runAccessOperation(desk: AccessDesk, name: AccessOperation, parameters: Parameters): Promise<unknown> {
  return operations[name](desk, parameters)
}
