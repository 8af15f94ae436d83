import type { AccessDatabase } from '../metadata/access-file.ts'
import { AccessError } from './access-error.ts'
import { type DescribedTerms, describeTerms, formatTerms, type Grantee, type Groups, type Terms } from './grant.ts'
import { deleteGrant, insertGrant } from './grant-rows.ts'
import type { AccessDesk, Parameters } from './operations.ts'
import { parseTerms } from './parse-terms.ts'
import { findDifferences, parseDocument } from './policy-document.ts'

/** What everybody who logged in might do before there were grants, written down as one of them. */
const AS_BEFORE: Terms = { to: { kind: 'users' }, actions: ['pull', 'push', 'delete'], repositories: '**' }

/** A grant that is there now, and what the operator should know. */
export interface Allowed extends DescribedTerms {
  readonly id: number
  readonly text: string
  readonly notes: readonly string[]
}

/**
 * Adds a grant, unless the same is there. The first one, where users are configured, comes after another that keeps to what these might do without.
 *
 * @throws AccessError `GRANT_INVALID` with every mistake.
 */
export async function allow({ book, hasUsers, findUsers }: AccessDesk, { terms: given }: Parameters): Promise<Allowed> {
  const users = await findUsers()
  const { terms, mistakes } = parseTerms(given, (name) => resolve(name, book.policy.groups, users))
  if (!terms) throw new AccessError('GRANT_INVALID', mistakes.join('; '), { hint: 'nothing was changed; "lacre access allow --help" has examples' })
  if (terms.until !== undefined && terms.until <= Date.now())
    throw new AccessError('GRANT_INVALID', 'the grant would have ended already', { hint: 'give --until a date in the future' })
  const text = formatTerms(terms)
  const findSame = () => book.policy.grants.find((grant) => formatTerms(grant) === text)
  const same = findSame()
  if (same) return { id: same.id, ...describeTerms(same), text, notes: ['it was there already'] }

  const isFirst = book.policy.isOpen && hasUsers !== false && text !== formatTerms(AS_BEFORE)
  const { grants } = book.change((database) => {
    if (isFirst) insertGrant(database, AS_BEFORE)
    insertGrant(database, terms)
  })
  const first = isFirst ? [tellAsBefore(grants[0]?.id ?? 0)] : []
  return { id: findSame()?.id ?? 0, ...describeTerms(terms), text, notes: [...first, ...remark(terms, users)] }
}

function tellAsBefore(id: number): string {
  return `the first grant: so that nobody is locked out, grant ${id} (${formatTerms(AS_BEFORE)}) keeps what the users of htpasswd might do until now; take it back with "lacre access revoke ${id}"`
}

function resolve(name: string, groups: Groups, users: ReadonlySet<string> | undefined): Grantee | string {
  const group = name.replace(/^group:/, '')
  const isUser = group === name && users?.has(name) === true
  if (groups.has(group)) return isUser ? `"${name}" is a user and a group: write user:${name} or group:${name}` : { kind: 'group', name: group }
  if (isUser) return { kind: 'user', name }
  if (group !== name) return `there is no group "${group}": make it with "lacre group add ${group}"`
  return `there is neither a group nor a user "${name}": make a group with "lacre group add ${name}", or write user:${name} for a user who is not there yet`
}

function remark({ to, repositories }: Terms, users: ReadonlySet<string> | undefined): string[] {
  return [
    ...(repositories === '**' ? ['the pattern ** matches every repository'] : []),
    ...(to.kind === 'user' && users && !users.has(to.name) ? [`there is no user ${to.name} yet: add one with "lacre user add ${to.name}"`] : []),
    ...(to.kind === 'anonymous' ? ['what anonymous may do, everybody may'] : []),
  ]
}

/** @throws AccessError `GRANT_UNKNOWN`; `GRANT_LAST` unless `open` says that everybody who logs in may do everything again. */
export async function revoke({ book }: AccessDesk, { id, open }: Parameters): Promise<{ readonly id: number; readonly text: string; readonly open: boolean }> {
  const grant = book.policy.grants.find((one) => one.id === Number(id))
  if (!grant) throw new AccessError('GRANT_UNKNOWN', `there is no grant ${id}`, { hint: '"lacre access list" shows those there are' })
  if (book.policy.grants.length === 1 && open !== true) throw lastGrant()
  const { isOpen } = book.change((database) => deleteGrant(database, grant.id))
  return { id: grant.id, text: formatTerms(grant), open: isOpen }
}

function lastGrant(): AccessError {
  return new AccessError('GRANT_LAST', 'without a grant, whoever is let in may do everything again', { hint: 'add --open if that is what you want' })
}

/**
 * Makes the policy what a document says, in one transaction; with `dryRun` only tells. Doing it again changes nothing.
 *
 * @throws AccessError `POLICY_INVALID` with every mistake; `GRANT_LAST` unless `open`.
 */
export async function apply({ book }: AccessDesk, { policy: given, dryRun, open }: Parameters): Promise<{ readonly changes: readonly string[] }> {
  const { groups, terms, mistakes } = parseDocument(given)
  if (mistakes.length > 0)
    throw new AccessError(
      'POLICY_INVALID',
      `the policy has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n  ${mistakes.join('\n  ')}`,
      { hint: 'nothing was changed' },
    )
  if (terms.length === 0 && !book.policy.isOpen && open !== true) throw lastGrant()
  const differences = findDifferences(book.policy, { groups, terms })
  const carryOut = (database: AccessDatabase): void => {
    for (const difference of differences) difference.carryOut(database)
  }
  if (dryRun !== true && differences.length > 0) book.change(carryOut)
  return { changes: differences.map(({ sentence }) => sentence) }
}
