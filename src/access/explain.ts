import { formatTerms, type Grant } from './grant.ts'
import { type Caller, compileRule, type Objection, objectionTo, type Policy, type Want } from './policy.ts'

/** A decision, and the grant it hangs on. */
export interface Explanation {
  readonly allowed: boolean
  /** The grant that allows it, or the nearest that does not. */
  readonly grant?: Grant
  /** In a sentence. */
  readonly because: string
}

/** Decides as requests are decided, and says why. */
export function explain(policy: Policy, caller: Caller, want: Want): Explanation {
  if (policy.isOpen) return explainOpen(caller)
  const grant = policy.findGrant(caller, want)
  if (grant) return { allowed: true, grant, because: `allowed by grant ${grant.id} (${formatTerms(grant)})` }
  const nearest = findNearest(policy, caller, want)
  if (!nearest) return { allowed: false, because: 'denied: nothing allows it, and no grant comes near' }
  const { because } = nearest
  return {
    allowed: false,
    grant: nearest.grant,
    because: `denied: nothing allows it; nearest: grant ${nearest.grant.id} (${formatTerms(nearest.grant)}), but ${because}`,
  }
}

function explainOpen({ principal }: Caller): Explanation {
  if (principal.kind === 'account') return { allowed: true, because: 'allowed: there are no grants, so whoever logs in may do everything' }
  return { allowed: false, because: 'denied: there are no grants, so only those who log in may do anything (where no users are configured: everybody)' }
}

const REASONS: Readonly<Record<Objection, (grant: Grant, want: Want) => string>> = {
  action: ({ actions }, { action }) => `it is for ${actions.join(',')}, not ${action}`,
  repository: ({ repositories }, { repository }) => `${repositories} does not match ${repository}`,
  tag: ({ tags }, { tag }) => (tag === undefined ? `it is for tags ${tags} alone` : `tags ${tags} do not match ${tag}`),
  overwrite: (_grant, { tag }) => `it is for new tags, and ${tag} is there`,
  expired: ({ until = 0 }) => `it ended ${new Date(until).toISOString()}`,
  network: ({ from }) => `it is for connections from ${from}`,
}

interface Near {
  readonly grant: Grant
  readonly because: string
}

/** The caller's own grant that goes furthest towards it; else another's that would allow it. */
function findNearest(policy: Policy, caller: Caller, want: Want): Near | undefined {
  const rules = policy.grants.map(compileRule)
  const own = rules.filter(({ grant }) => isFor(policy, grant, caller))
  const distances: readonly Objection[] = ['network', 'expired', 'overwrite', 'tag', 'action', 'repository']
  for (const objection of distances) {
    const near = own.find((rule) => objectionTo(rule, caller, want) === objection)
    if (near) return { grant: near.grant, because: REASONS[objection](near.grant, want) }
  }
  const other = rules.find((rule) => !objectionTo(rule, caller, want))
  return other && { grant: other.grant, because: 'it is for others' }
}

function isFor({ groups }: Policy, { to }: Grant, { principal }: Caller): boolean {
  if (to.kind === 'anonymous') return true
  if (principal.kind === 'anonymous') return false
  if (to.kind === 'group') return groups.get(to.name)?.includes(principal.name) === true
  return to.kind === 'users' || (to.kind === 'user' && to.name === principal.name)
}
