import type { AccessDatabase } from '../metadata/access-file.ts'
import { findNameProblem } from './account-name.ts'
import { type DescribedTerms, describeTerms, formatTerms, type Grantee, type Groups, type Terms } from './grant.ts'
import { deleteGrant, insertGrant } from './grant-rows.ts'
import { deleteGroup, deleteMember, insertGroup, insertMember } from './group-rows.ts'
import { parseTerms } from './parse-terms.ts'
import type { Policy } from './policy.ts'

/** A whole policy as plain data: what `export` writes and `apply` reads. */
export interface PolicyDocument {
  readonly groups: Readonly<Record<string, readonly string[]>>
  readonly grants: readonly DescribedTerms[]
}

export function describePolicy({ groups, grants }: Policy): PolicyDocument {
  return { groups: Object.fromEntries(groups), grants: grants.map(describeTerms) }
}

interface ParsedDocument {
  readonly groups: Groups
  readonly terms: readonly Terms[]
  /** Sentences, each with where it is wrong. */
  readonly mistakes: readonly string[]
}

/** Reads a policy; all its mistakes are found. */
export function parseDocument(given: unknown): ParsedDocument {
  if (!isRecord(given)) return { groups: new Map(), terms: [], mistakes: ['a policy has groups and grants'] }
  const { groups: givenGroups = {}, grants: givenGrants = [], ...others } = given
  const groups = parseGroups(givenGroups ?? {})
  const resolve = (name: string): Grantee | string => {
    const group = name.replace(/^group:/, '')
    return groups.found.has(group) ? { kind: 'group', name: group } : `there is no group "${group}": add it to groups, or write user:${group} for a user`
  }
  const parsed = (Array.isArray(givenGrants) ? givenGrants : []).map((grant) => parseTerms(grant, resolve))
  const mistakes = [
    ...Object.keys(others).map((key) => `there is no key "${key}": a policy has groups and grants`),
    ...groups.mistakes,
    ...(Array.isArray(givenGrants) ? [] : ['grants is a list']),
    ...parsed.flatMap((one, index) => one.mistakes.map((mistake) => `grants[${index}]: ${mistake}`)),
  ]
  return { groups: groups.found, terms: parsed.flatMap(({ terms }) => terms ?? []), mistakes }
}

function parseGroups(given: unknown): { found: Groups; mistakes: string[] } {
  if (!isRecord(given)) return { found: new Map(), mistakes: ['groups has a name and its members on each line, such as "ci: [jenkins]"'] }
  const mistakes: string[] = []
  const found = Object.entries(given).map(([name, listed]): [string, string[]] => {
    const members: readonly unknown[] = Array.isArray(listed) ? listed : []
    if (listed !== null && !Array.isArray(listed)) mistakes.push(`groups.${name}: its members are a list`)
    for (const part of [name, ...members]) {
      const problem = typeof part === 'string' ? findNameProblem(part) : 'is no text'
      if (problem) mistakes.push(`groups.${name}: the name ${problem}`)
    }
    return [name, [...new Set(members.filter((member) => typeof member === 'string'))].sort()]
  })
  return { found: new Map(found), mistakes }
}

function isRecord(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null && !Array.isArray(given)
}

/** One difference between a policy and what it should be, and how to make it none. */
export interface Difference {
  readonly sentence: string
  readonly carryOut: (database: AccessDatabase) => void
}

/** What it takes to make `policy` say what the document says; grants that are the same keep their numbers. */
export function findDifferences(policy: Policy, { groups, terms }: Pick<ParsedDocument, 'groups' | 'terms'>): Difference[] {
  const wanted = new Map(terms.map((one) => [formatTerms(one), one]))
  const present = new Set<string>()
  const surplus = policy.grants.filter((grant) => {
    const text = formatTerms(grant)
    const isSurplus = !wanted.has(text) || present.has(text)
    present.add(text)
    return isSurplus
  })
  const missing = [...wanted].filter(([text]) => !present.has(text))
  const { joining, leaving } = findGroupDifferences(policy.groups, groups)
  return [
    ...joining,
    ...missing.map(([text, one]) => ({ sentence: `+ grant ${text}`, carryOut: (database: AccessDatabase) => insertGrant(database, one) })),
    ...surplus.map((grant) => ({
      sentence: `- grant ${grant.id}: ${formatTerms(grant)}`,
      carryOut: (database: AccessDatabase) => deleteGrant(database, grant.id),
    })),
    ...leaving,
  ]
}

function findGroupDifferences(present: Groups, wanted: Groups): { joining: Difference[]; leaving: Difference[] } {
  const pairs = (groups: Groups) => [...groups].flatMap(([group, members]) => members.map((member) => ({ group, member })))
  const has = (groups: Groups, { group, member }: { group: string; member: string }) => groups.get(group)?.includes(member) === true
  const made = [...wanted.keys()].filter((name) => !present.has(name))
  const gone = [...present.keys()].filter((name) => !wanted.has(name))
  return {
    joining: [
      ...made.map((name) => ({ sentence: `+ group ${name}`, carryOut: (database: AccessDatabase) => insertGroup(database, name) })),
      ...pairs(wanted)
        .filter((pair) => !has(present, pair))
        .map(({ group, member }) => ({ sentence: `+ ${member} in ${group}`, carryOut: (database: AccessDatabase) => insertMember(database, group, member) })),
    ],
    leaving: [
      ...pairs(present)
        .filter((pair) => !has(wanted, pair))
        .map(({ group, member }) => ({ sentence: `- ${member} in ${group}`, carryOut: (database: AccessDatabase) => deleteMember(database, group, member) })),
      ...gone.map((name) => ({ sentence: `- group ${name}`, carryOut: (database: AccessDatabase) => deleteGroup(database, name) })),
    ],
  }
}
