import { AccessError } from './access-error.ts'
import { findNameProblem } from './account-name.ts'
import { deleteGroup, deleteMember, insertGroup, insertMember } from './group-rows.ts'
import type { AccessDesk, Parameters } from './operations.ts'

export interface ListedGroup {
  readonly group: string
  readonly members: readonly string[]
}

/** What became of a group, and what the operator should know. */
export interface ChangedGroup extends ListedGroup {
  readonly notes: readonly string[]
}

export async function listGroups({ book }: AccessDesk): Promise<ListedGroup[]> {
  return [...book.policy.groups].map(([group, members]) => ({ group, members }))
}

/** @throws AccessError `NAME_INVALID`, `GROUP_EXISTS` */
export async function addGroup({ book }: AccessDesk, parameters: Parameters): Promise<ChangedGroup> {
  const group = parseName(parameters['group'])
  if (['anonymous', 'users'].includes(group)) throw new AccessError('NAME_INVALID', `${group} is a principal of its own`, { hint: 'take another name' })
  if (book.policy.groups.has(group)) throw new AccessError('GROUP_EXISTS', `the group ${group} is there already`, { hint: '"lacre group list" shows it' })
  book.change((database) => insertGroup(database, group))
  return { group, members: [], notes: [] }
}

/** @throws AccessError `GROUP_UNKNOWN`, `GROUP_GRANTED` */
export async function removeGroup({ book }: AccessDesk, parameters: Parameters): Promise<ChangedGroup> {
  const { group } = findGroup(book.policy.groups, parameters)
  const grants = book.policy.grants.filter(({ to }) => to.kind === 'group' && to.name === group)
  if (grants.length > 0) {
    const numbers = grants.map(({ id }) => id).join(', ')
    throw new AccessError('GROUP_GRANTED', `the group ${group} has grants: ${numbers}`, {
      hint: `take them back first with "lacre access revoke ${grants[0]?.id}"`,
    })
  }
  book.change((database) => deleteGroup(database, group))
  return { group, members: [], notes: [] }
}

/** @throws AccessError `NAME_INVALID`, `GROUP_UNKNOWN` */
export async function joinGroup({ book, findUsers }: AccessDesk, parameters: Parameters): Promise<ChangedGroup> {
  const { group } = findGroup(book.policy.groups, parameters)
  const users = parseUsers(parameters)
  const known = await findUsers()
  const { groups } = book.change((database) => {
    for (const user of users) insertMember(database, group, user)
  })
  const strangers = known ? users.filter((user) => !known.has(user)) : []
  const notes = strangers.map((user) => `there is no user ${user} yet: add one with "lacre user add ${user}"`)
  return { group, members: groups.get(group) ?? [], notes }
}

/** @throws AccessError `NAME_INVALID`, `GROUP_UNKNOWN` */
export async function leaveGroup({ book }: AccessDesk, parameters: Parameters): Promise<ChangedGroup> {
  const { group, members } = findGroup(book.policy.groups, parameters)
  const users = parseUsers(parameters)
  const { groups } = book.change((database) => {
    for (const user of users) deleteMember(database, group, user)
  })
  const notes = users.filter((user) => !members.includes(user)).map((user) => `${user} was not in it`)
  return { group, members: groups.get(group) ?? [], notes }
}

function findGroup(groups: ReadonlyMap<string, readonly string[]>, parameters: Parameters): { group: string; members: readonly string[] } {
  const group = parseName(parameters['group'])
  const members = groups.get(group)
  if (!members) throw unknownGroup(group)
  return { group, members }
}

function unknownGroup(group: string): AccessError {
  return new AccessError('GROUP_UNKNOWN', `there is no group ${group}`, {
    hint: `make it with "lacre group add ${group}"; "lacre group list" shows those there are`,
  })
}

function parseUsers(parameters: Parameters): string[] {
  const { users } = parameters
  return Array.isArray(users) ? users.map(parseName) : []
}

function parseName(given: unknown): string {
  const name = String(given)
  const problem = findNameProblem(name)
  if (problem) throw new AccessError('NAME_INVALID', `the name ${problem}`, { hint: 'use letters, digits, and - _ . @' })
  return name
}
