import type { BlockList } from 'node:net'
import type { Principal } from './authenticate.ts'
import { formatGrantee, type Grant, type GrantedAction, type Groups } from './grant.ts'
import { compileNetwork } from './parse-terms.ts'
import { compileRepositoryPattern, compileTagPattern, type Matches } from './pattern.ts'

/** Who asks, from where, and when (milliseconds since 1970). */
export interface Caller {
  readonly principal: Principal
  readonly address: string
  readonly now: number
}

/** What somebody wants to do. */
export interface Want {
  readonly action: GrantedAction
  readonly repository: string
  /** The tag that is made, moved or deleted; without one, what has no tag, such as a blob. */
  readonly tag?: string | undefined
  /** Whether the tag is there and would be moved. */
  readonly overwrites?: boolean
}

/** Grants, compiled once. */
export interface Policy {
  /** Without any grant nothing is decided here: whoever is let in may do everything. */
  readonly isOpen: boolean
  readonly grants: readonly Grant[]
  readonly groups: Groups
  /** The first grant that allows it. */
  findGrant(caller: Caller, want: Want): Grant | undefined
  /** Whether a grant of this action on all repositories, without any condition, is the caller's. */
  allowsEverywhere(caller: Caller, action: GrantedAction): boolean
}

export interface Rule {
  readonly grant: Grant
  readonly actions: ReadonlySet<GrantedAction>
  readonly matchesRepository: Matches
  readonly matchesTag: Matches | undefined
  readonly network: BlockList | undefined
}

export function compilePolicy(grants: readonly Grant[], groups: Groups): Policy {
  const rules = grants.toSorted((one, other) => one.id - other.id).map(compileRule)
  const shelves = shelve(rules, groups)
  const rulesOf = ({ principal }: Caller): Shelf => {
    if (principal.kind === 'anonymous') return shelves.anonymous
    return shelves.named.get(principal.name) ?? shelves.users
  }
  return {
    isOpen: grants.length === 0,
    grants,
    groups,
    findGrant: (caller, want) => findRule(rulesOf(caller), caller, want)?.grant,
    allowsEverywhere: (caller, action) => rulesOf(caller).loose.some((rule) => isUnconditional(rule) && !objectionTo(rule, caller, { action, repository: '' })),
  }
}

export const openPolicy: Policy = compilePolicy([], new Map())

export function compileRule(grant: Grant): Rule {
  const { actions, repositories, tags, from } = grant
  return {
    grant,
    actions: new Set(actions.includes('push') ? [...actions, 'pull'] : actions),
    matchesRepository: compileRepositoryPattern(repositories),
    matchesTag: tags === undefined ? undefined : compileTagPattern(tags),
    network: from === undefined ? undefined : compileNetwork(from),
  }
}

function isUnconditional({ grant }: Rule): boolean {
  return grant.repositories === '**' && grant.tags === undefined
}

/** Why a rule does not allow what is wanted by whom it is for, in the order in which it is looked at. */
export type Objection = 'action' | 'repository' | 'tag' | 'overwrite' | 'expired' | 'network'

const objections: Readonly<Record<Objection, (rule: Rule, caller: Caller, want: Want) => boolean>> = {
  action: ({ actions }, _caller, { action }) => !actions.has(action),
  repository: ({ matchesRepository }, _caller, { repository }) => !matchesRepository(repository),
  tag: ({ matchesTag }, _caller, { action, tag }) => matchesTag !== undefined && !admitsTag(matchesTag, action, tag),
  overwrite: ({ grant }, _caller, { action, overwrites }) => action === 'push' && overwrites === true && grant.isCreateOnly === true,
  expired: ({ grant }, { now }) => grant.until !== undefined && now >= grant.until,
  network: ({ grant, network }, { address }) => grant.from !== undefined && !isFrom(network, address),
}

const inOrder = Object.entries(objections) as [Objection, (typeof objections)[Objection]][]

export function objectionTo(rule: Rule, caller: Caller, want: Want): Objection | undefined {
  for (const [objection, applies] of inOrder) if (applies(rule, caller, want)) return objection
  return undefined
}

/** @NOTE a push without a tag (blobs, and the manifests below an index) goes with every one; a deletion without a tag takes tags along. */
function admitsTag(matches: Matches, action: GrantedAction, tag: string | undefined): boolean {
  if (action === 'push') return tag === undefined || matches(tag)
  return action !== 'delete' || (tag !== undefined && matches(tag))
}

function isFrom(network: BlockList | undefined, address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  return plain !== '' && network !== undefined && network.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4')
}

/** The rules of one principal, by what their patterns begin with. */
interface Shelf {
  readonly byName: ReadonlyMap<string, readonly Rule[]>
  readonly byFirstPart: ReadonlyMap<string, readonly Rule[]>
  readonly loose: readonly Rule[]
}

interface Shelves {
  readonly anonymous: Shelf
  readonly users: Shelf
  readonly named: ReadonlyMap<string, Shelf>
}

function shelve(rules: readonly Rule[], groups: Groups): Shelves {
  const byGrantee = Map.groupBy(rules, ({ grant }) => formatGrantee(grant.to))
  const of = (grantee: string): readonly Rule[] => byGrantee.get(grantee) ?? []
  const forAll = of('anonymous')
  const forUsers = [...forAll, ...of('users')]
  const groupsOf = Map.groupBy(
    [...groups].flatMap(([group, members]) => members.map((member) => ({ group, member }))),
    ({ member }) => member,
  )
  const names = new Set([...groupsOf.keys(), ...rules.flatMap(({ grant }) => (grant.to.kind === 'user' ? [grant.to.name] : []))])
  const shelfOf = (name: string): Shelf => {
    const own = (groupsOf.get(name) ?? []).flatMap(({ group }) => of(`group:${group}`))
    return makeShelf([...forUsers, ...of(`user:${name}`), ...own])
  }
  return { anonymous: makeShelf(forAll), users: makeShelf(forUsers), named: new Map([...names].map((name) => [name, shelfOf(name)])) }
}

function makeShelf(rules: readonly Rule[]): Shelf {
  const sorted = rules.toSorted((one, other) => one.grant.id - other.grant.id)
  const placeOf = ({ grant }: Rule): keyof Shelf => {
    if (!grant.repositories.includes('*')) return 'byName'
    return firstPart(grant.repositories).includes('*') ? 'loose' : 'byFirstPart'
  }
  const { byName = [], byFirstPart = [], loose = [] } = Object.groupBy(sorted, placeOf)
  return {
    byName: Map.groupBy(byName, ({ grant }) => grant.repositories),
    byFirstPart: Map.groupBy(byFirstPart, ({ grant }) => firstPart(grant.repositories)),
    loose,
  }
}

function firstPart(name: string): string {
  const slash = name.indexOf('/')
  return slash < 0 ? name : name.slice(0, slash)
}

const NONE: readonly Rule[] = []

function findRule({ byName, byFirstPart, loose }: Shelf, caller: Caller, want: Want): Rule | undefined {
  let first: Rule | undefined
  for (const rules of [loose, byFirstPart.get(firstPart(want.repository)) ?? NONE, byName.get(want.repository) ?? NONE]) {
    for (const rule of rules) {
      if (first && rule.grant.id > first.grant.id) break
      if (objectionTo(rule, caller, want)) continue
      first = rule
      break
    }
  }
  return first
}
