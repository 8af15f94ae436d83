/** What a decision about access costs: 1,000 grants, 100 groups. Run it with `node bench/decision.ts`. */
import type { Grant } from '../src/access/grant.ts'
import { type Caller, compilePolicy, type Policy, type Want } from '../src/access/policy.ts'

const GRANTS = 1000
const GROUPS = 100
const ROUNDS = 20_000

const caller: Caller = { principal: { kind: 'account', name: 'user-7' }, address: '10.1.2.3', now: Date.now() }
const groups = new Map(Array.from({ length: GROUPS }, (_, index) => [`group-${index}`, Array.from({ length: 10 }, (_one, member) => `user-${index + member}`)]))
const grantsOf = (repositories: (index: number) => string, to: (index: number) => Grant['to']): Grant[] =>
  Array.from({ length: GRANTS }, (_, index) => ({ id: index + 1, to: to(index), actions: ['push'], repositories: repositories(index) }))

const spread = (index: number) => ({ kind: 'group', name: `group-${index % GROUPS}` }) as const
const alone = () => ({ kind: 'user', name: 'user-7' }) as const
const policies: Readonly<Record<string, Grant[]>> = {
  'grants of 100 groups, folders': grantsOf((index) => `team-${index}/**`, spread),
  'all for one user, folders': grantsOf((index) => `team-${index}/**`, alone),
  'all for one user, names below one folder': grantsOf((index) => `team/app-${index}`, alone),
  'all for one user, wildcards below one folder': grantsOf((index) => `team/*/x-${index}/**`, alone),
}
const wants: Readonly<Record<string, Want>> = {
  allowed: { action: 'pull', repository: 'team-706/app' },
  denied: { action: 'pull', repository: 'team/app/nothing' },
}

function measure(policy: Policy, want: Want): number {
  for (let round = 0; round < ROUNDS; round++) policy.findGrant(caller, want)
  const start = performance.now()
  for (let round = 0; round < ROUNDS; round++) policy.findGrant(caller, want)
  return ((performance.now() - start) * 1000) / ROUNDS
}

for (const [name, grants] of Object.entries(policies)) {
  const start = performance.now()
  const policy = compilePolicy(grants, groups)
  const compiling = performance.now() - start
  const costs = Object.entries(wants).map(([outcome, want]) => `${outcome} ${measure(policy, want).toFixed(2)} µs`)
  process.stdout.write(`${name.padEnd(46)} ${costs.join('   ')}   compiled in ${compiling.toFixed(1)} ms\n`)
}
