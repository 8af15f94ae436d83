import { BlockList, isIP } from 'node:net'
import { findRepositoryName } from '../oci/name.ts'
import { findTagName } from '../oci/reference.ts'
import { findNameProblem } from './account-name.ts'
import { actions, type GrantedAction, type Grantee, type Terms } from './grant.ts'

const KEYS = ['principal', 'actions', 'repositories', 'tags', 'from', 'until', 'create-only']

/** Finds whom a name without `user:` or `group:` in front means; its answer, or what is wrong with it. */
export type ResolveName = (name: string) => Grantee | string

export interface ParsedTerms {
  /** Absent when there are mistakes. */
  readonly terms?: Terms
  /** Sentences, each about one thing that is wrong. */
  readonly mistakes: readonly string[]
}

/** Reads what a grant says from plain data: every mistake is found, not the first. */
export function parseTerms(given: unknown, resolve: ResolveName): ParsedTerms {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return { mistakes: ['a grant has principal, actions and repositories'] }
  const fields = given as Readonly<Record<string, unknown>>
  const mistakes: string[] = Object.keys(fields).flatMap((key) => (KEYS.includes(key) ? [] : [`there is no key "${key}": a grant has ${KEYS.join(', ')}`]))
  const take = <T>(result: T | string | undefined): Exclude<T, string> | undefined => {
    if (typeof result === 'string') mistakes.push(result)
    return typeof result === 'string' ? undefined : (result as Exclude<T, string> | undefined)
  }
  const to = take(parseGrantee(fields['principal'], resolve))
  const granted = take(parseActions(fields['actions']))
  const repositories = take(parsePattern(fields['repositories']))
  const conditions = take(parseConditions(fields))
  if (to && granted && conditions) mistakes.push(...findContradictions(granted, conditions))
  if (mistakes.length > 0 || !to || !granted || !repositories || !conditions) return { mistakes }
  return { terms: { to, actions: granted, repositories: repositories.pattern, ...conditions }, mistakes }
}

function parseGrantee(given: unknown, resolve: ResolveName): Grantee | string {
  if (typeof given !== 'string' || given === '') return 'the principal is missing: anonymous, users, group:NAME or user:NAME'
  if (given === 'anonymous' || given === 'users') return { kind: given }
  const [, kind, name = ''] = /^(user|group):(.*)$/s.exec(given) ?? []
  const problem = findNameProblem(kind ? name : given)
  if (problem) return `the name of a principal ${problem}`
  const found = kind === 'user' ? ({ kind, name } as const) : resolve(given)
  return found
}

function parseActions(given: unknown): GrantedAction[] | string {
  const words = typeof given === 'string' ? given.split(',').map((word) => word.trim()) : given
  if (!Array.isArray(words) || words.length === 0) return `the actions are missing: one or more of ${actions.join(', ')}`
  const unknown = words.find((word) => !actions.includes(word as GrantedAction))
  if (unknown !== undefined) return `there is no action ${JSON.stringify(unknown)}: use ${actions.join(', ')}`
  return actions.filter((action) => words.includes(action))
}

function parsePattern(given: unknown): { pattern: string } | string {
  if (typeof given !== 'string' || given === '') return 'the repositories are missing: a name, or a pattern such as team/**'
  const isMixed = given.split('/').some((part) => part !== '**' && part.includes('**'))
  if (isMixed) return `in ${JSON.stringify(given)}, ** must be a whole component, as in team/**`
  // A letter is what every wildcard may stand for, so where it makes no name, nothing does.
  const example = given.replaceAll(/\*+/g, 'a')
  if (!findRepositoryName(example)) return `the pattern ${JSON.stringify(given.slice(0, 300))} matches nothing: no repository can have such a name`
  return { pattern: given }
}

type Conditions = Pick<Terms, 'tags' | 'from' | 'until' | 'isCreateOnly'>

function parseConditions(fields: Readonly<Record<string, unknown>>): Conditions | string {
  const { tags, from, until, 'create-only': createOnly = false } = fields
  if (tags !== undefined && !(typeof tags === 'string' && findTagName(tags.replaceAll(/\*+/g, 'a')))) return `no tag matches ${JSON.stringify(tags)}`
  if (from !== undefined && !(typeof from === 'string' && compileNetwork(from))) return `${JSON.stringify(from)} is no network: write it as 10.0.0.0/8`
  const end = until === undefined ? undefined : parseEnd(until)
  if (Number.isNaN(end)) return `${JSON.stringify(until)} is no date: write it as 2027-01-31 or 2027-01-31T12:00:00Z`
  if (typeof createOnly !== 'boolean') return 'create-only is true or false'
  return {
    ...(typeof tags === 'string' && { tags }),
    ...(typeof from === 'string' && { from }),
    ...(end !== undefined && { until: end }),
    ...(createOnly && { isCreateOnly: true }),
  }
}

/** A day counts to its end, in UTC. */
function parseEnd(given: unknown): number {
  const text = given instanceof Date ? given.toISOString() : String(given)
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return Date.parse(`${text}T00:00:00Z`) + 86_400_000
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
}

function findContradictions(granted: readonly GrantedAction[], { tags, isCreateOnly }: Conditions): string[] {
  const narrows = granted.includes('push') || granted.includes('delete')
  return [
    ...(tags !== undefined && !narrows ? ['a tag pattern narrows push and delete, and this grants neither: who may pull sees every tag'] : []),
    ...(isCreateOnly && !granted.includes('push') ? ['create-only narrows push, which this does not grant'] : []),
    ...(isCreateOnly && granted.includes('delete') ? ['create-only with delete keeps nothing: a deleted tag can be made anew; grant delete apart'] : []),
  ]
}

/** The addresses of a network such as `10.0.0.0/8`, or of one address; `undefined` for what is none. */
export function compileNetwork(text: string): BlockList | undefined {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  const longest = version === 4 ? 32 : 128
  const length = bits === undefined ? longest : Number(bits)
  if (version === 0 || length > longest) return undefined
  const network = new BlockList()
  network.addSubnet(address, length, version === 4 ? 'ipv4' : 'ipv6')
  return network
}
