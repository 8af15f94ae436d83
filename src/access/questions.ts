import { parseRepositoryName } from '../oci/name.ts'
import { parseTag } from '../oci/reference.ts'
import { AccessError } from './access-error.ts'
import { explain } from './explain.ts'
import { actions, describeTerms, type GrantedAction } from './grant.ts'
import type { AccessDesk, Parameters } from './operations.ts'
import { compileNetwork } from './parse-terms.ts'
import type { Caller, Policy, Want } from './policy.ts'

/** A decision as it would be taken now, and why. */
export interface Answer {
  readonly allowed: boolean
  readonly because: string
  readonly grant?: object
}

/** What is asked, as words. */
interface Question {
  readonly principal: string
  readonly action: string
  /** `team/app` or `team/app:1.2`. */
  readonly target: string
  readonly address: string
  /** Whether the tag is there already. */
  readonly overwrites: boolean
}

/** @throws AccessError `GRANT_INVALID`, OciError `NAME_INVALID` or `TAG_INVALID` */
export async function answerWhy({ book }: AccessDesk, { principal, action, target, from = '', overwrites }: Parameters): Promise<Answer> {
  const address = String(from)
  return decide(book.policy, { principal: String(principal), action: String(action), target: String(target), address, overwrites: overwrites === true })
}

/** One line of a table of expected decisions. */
export interface Tried {
  readonly line: number
  readonly expected: string
  readonly because: string
  readonly isRight: boolean
}

/** @throws AccessError `POLICY_INVALID` with every line that cannot be read. */
export async function tryCases({ book }: AccessDesk, { table }: Parameters): Promise<Tried[]> {
  const mistakes: string[] = []
  const tried = String(table)
    .split('\n')
    .flatMap((text, index) => {
      try {
        return tryCase(book.policy, text.replace(/#.*/, '').trim(), index + 1) ?? []
      } catch (error) {
        mistakes.push(`line ${index + 1}: ${(error as Error).message}`)
        return []
      }
    })
  if (mistakes.length > 0) throw new AccessError('POLICY_INVALID', mistakes.join('\n'), { hint: 'a line is, for example: alice push team/app:1.2 allow' })
  return tried
}

function tryCase(policy: Policy, text: string, line: number): Tried | undefined {
  if (text === '') return undefined
  const [principal = '', action = '', target = '', expected = '', ...more] = text.split(/\s+/)
  if (more.length > 0 || !['allow', 'deny'].includes(expected)) throw new Error('it is no PRINCIPAL ACTION REPOSITORY[:TAG] allow|deny')
  const { allowed, because } = decide(policy, { principal, action, target, address: '', overwrites: false })
  return { line, expected: text, because, isRight: allowed === (expected === 'allow') }
}

function decide(policy: Policy, question: Question): Answer {
  const caller: Caller = { principal: parsePrincipal(question.principal), address: parseAddress(question.address), now: Date.now() }
  const { allowed, because, grant } = explain(policy, caller, parseWant(question))
  return { allowed, because, ...(grant && { grant: { id: grant.id, ...describeTerms(grant) } }) }
}

function parsePrincipal(text: string): Caller['principal'] {
  if (text === 'anonymous') return { kind: 'anonymous' }
  if (text === 'users' || text.startsWith('group:'))
    throw new AccessError('GRANT_INVALID', `${text} are many, and decisions are about one`, { hint: 'name a user, or anonymous' })
  return { kind: 'account', name: text.replace(/^user:/, '') }
}

function parseAddress(text: string): string {
  if (text !== '' && (text.includes('/') || !compileNetwork(text)))
    throw new AccessError('GRANT_INVALID', `${JSON.stringify(text)} is no address`, { hint: 'for example --from 10.1.2.3' })
  return text
}

/** A port may stand in the first part of a name, so what follows the last colon is a tag only if no slash does. */
function parseWant({ action, target, overwrites }: Question): Want {
  if (!actions.includes(action as GrantedAction))
    throw new AccessError('GRANT_INVALID', `there is no action ${JSON.stringify(action)}`, { hint: `use ${actions.join(', ')}` })
  const [, repository = target, tag] = /^(.+):([^/:]*)$/.exec(target) ?? []
  return {
    action: action as GrantedAction,
    repository: parseRepositoryName(repository),
    ...(tag !== undefined && { tag: parseTag(tag) }),
    ...(overwrites && { overwrites }),
  }
}
