/** What can be granted. `push` includes `pull`; `admin` is for the server's own administration. */
export const actions = ['pull', 'push', 'delete', 'admin'] as const

export type GrantedAction = (typeof actions)[number]

/** Whom a grant is for. What anonymous may, everybody may; `users` are all who have logged in. */
export type Grantee = { readonly kind: 'anonymous' | 'users' } | { readonly kind: 'group' | 'user'; readonly name: string }

/** What a grant says, but for its number. */
export interface Terms {
  readonly to: Grantee
  readonly actions: readonly GrantedAction[]
  /** A pattern: `*` for one component or a part of it, `**` for one or more. */
  readonly repositories: string
  /** A pattern that narrows pushes and deletions to tags; without it all tags, and manifests and blobs by digest. */
  readonly tags?: string
  /** The network that the client's connection must come from, for example `10.0.0.0/8`. */
  readonly from?: string
  /** In milliseconds since 1970: allows nothing from then on. */
  readonly until?: number
  /** Pushes may make tags, but never move one. */
  readonly isCreateOnly?: boolean
}

export interface Grant extends Terms {
  readonly id: number
}

/** Who belongs to which group, by the group's name. */
export type Groups = ReadonlyMap<string, readonly string[]>

/** A grant as plain data: in answers, in policy files and for `--json`. */
export interface DescribedTerms {
  readonly principal: string
  readonly actions: readonly string[]
  readonly repositories: string
  readonly tags?: string
  readonly from?: string
  readonly until?: string
  readonly 'create-only'?: true
}

export function describeTerms({ to, repositories, tags, from, until, isCreateOnly, ...terms }: Terms): DescribedTerms {
  return {
    principal: formatGrantee(to),
    actions: terms.actions,
    repositories,
    ...(tags !== undefined && { tags }),
    ...(from !== undefined && { from }),
    ...(until !== undefined && { until: new Date(until).toISOString() }),
    ...(isCreateOnly && { 'create-only': true }),
  }
}

export function formatGrantee(to: Grantee): string {
  return 'name' in to ? `${to.kind}:${to.name}` : to.kind
}

/** For example `group ci, push, team/** (tags dev-*)`: another text for each other terms. */
export function formatTerms(terms: Terms): string {
  const { tags, from, until, isCreateOnly } = terms
  const conditions = [
    tags !== undefined && `tags ${tags}`,
    from !== undefined && `from ${from}`,
    until !== undefined && `until ${new Date(until).toISOString()}`,
    isCreateOnly && 'new tags only',
  ].filter((text) => typeof text === 'string')
  const { to } = terms
  const principal = 'name' in to ? `${to.kind} ${to.name}` : to.kind
  return `${principal}, ${terms.actions.join(',')}, ${terms.repositories}${conditions.length > 0 ? ` (${conditions.join(', ')})` : ''}`
}
