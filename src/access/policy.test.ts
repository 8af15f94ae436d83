import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { explain } from './explain.ts'
import type { Grant, Grantee, Groups } from './grant.ts'
import { type Caller, compilePolicy, type Want } from './policy.ts'

const NOW = Date.UTC(2030, 0, 1)

/** What a policy says, written as slowly and plainly as can be: every grant is looked at, a pattern is a regular expression made on the spot. */
function referenceAllows(grants: readonly Grant[], groups: Groups, caller: Caller, want: Want): boolean {
  return grants.some((grant) => {
    const isFor = {
      anonymous: () => true,
      users: () => caller.principal.kind === 'account',
      user: () => caller.principal.kind === 'account' && 'name' in grant.to && grant.to.name === caller.principal.name,
      group: () => caller.principal.kind === 'account' && 'name' in grant.to && groups.get(grant.to.name)?.includes(caller.principal.name) === true,
    }[grant.to.kind]()
    const covers = grant.actions.includes(want.action) || (want.action === 'pull' && grant.actions.includes('push'))
    const source = grant.repositories
      .split('/')
      .map((part) => (part === '**' ? '[^/]+(/[^/]+)*' : part.replaceAll('*', '[^/]*')))
      .join('/')
    const tag = grant.tags === undefined ? undefined : new RegExp(`^${grant.tags.replaceAll('*', '.*')}$`)
    const tagFits = {
      pull: () => true,
      admin: () => true,
      push: () => !tag || want.tag === undefined || tag.test(want.tag),
      delete: () => !tag || (want.tag !== undefined && tag.test(want.tag)),
    }[want.action]()
    const moves = want.action === 'push' && want.overwrites === true && grant.isCreateOnly === true
    const lives = grant.until === undefined || caller.now < grant.until
    const near = grant.from === undefined || caller.address.startsWith('10.')
    return isFor && covers && new RegExp(`^${source}$`).test(want.repository) && tagFits && !moves && lives && near
  })
}

const part = fc.constantFrom('a', 'b', 'ab', 'app')
const repository = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const pattern = fc.array(fc.constantFrom('a', 'b', 'app', '*', 'a*', '*b', '*p*', '**'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const user = fc.constantFrom('alice', 'bob', 'carol')
const group = fc.constantFrom('ci', 'team')
const grantee: fc.Arbitrary<Grantee> = fc.oneof(
  fc.constantFrom<Grantee>({ kind: 'anonymous' }, { kind: 'users' }),
  user.map((name): Grantee => ({ kind: 'user', name })),
  group.map((name): Grantee => ({ kind: 'group', name })),
)
const action = fc.constantFrom('pull', 'push', 'delete', 'admin')
const terms = fc.record(
  {
    to: grantee,
    actions: fc.uniqueArray(action, { minLength: 1 }),
    repositories: pattern,
    tags: fc.constantFrom('v*', 'dev-*', '*', 'v1'),
    from: fc.constant('10.0.0.0/8'),
    until: fc.constantFrom(NOW - 1, NOW, NOW + 1),
    isCreateOnly: fc.boolean(),
  },
  { requiredKeys: ['to', 'actions', 'repositories'] },
)
const grants = fc.array(terms, { maxLength: 8 }).map((list) => list.map((one, index): Grant => ({ id: index + 1, ...one })))
const groups = fc.record({ ci: fc.uniqueArray(user), team: fc.uniqueArray(user) }).map((record): Groups => new Map(Object.entries(record)))
const caller: fc.Arbitrary<Caller> = fc.record({
  principal: fc.oneof(
    fc.constant({ kind: 'anonymous' } as const),
    user.map((name) => ({ kind: 'account', name }) as const),
  ),
  address: fc.constantFrom('10.1.2.3', '::ffff:10.1.2.3'.slice(7), '192.168.1.1', '2001:db8::1', ''),
  now: fc.constant(NOW),
})
const want: fc.Arbitrary<Want> = fc.record(
  { action, repository, tag: fc.constantFrom('v1', 'v2', 'dev-1', 'latest'), overwrites: fc.boolean() },
  { requiredKeys: ['action', 'repository'] },
)

test('a policy decides as a slow and plain model does', () => {
  fc.assert(
    fc.property(grants, groups, caller, want, (given, members, who, what) => {
      const found = compilePolicy(given, members).findGrant(who, what)
      assert.equal(found !== undefined, referenceAllows(given, members, who, what))
      if (found)
        assert.equal(
          found,
          given.find((one) => referenceAllows([one], members, who, what)),
          'not the first that allows it',
        )
    }),
    { numRuns: 10_000 },
  )
})

test('one more grant, or one more member, takes nothing away', () => {
  fc.assert(
    fc.property(grants, terms, groups, caller, want, (given, more, members, who, what) => {
      if (!compilePolicy(given, members).findGrant(who, what)) return
      assert.ok(compilePolicy([...given, { id: 99, ...more }], members).findGrant(who, what))
      const joined: Groups = new Map([...members].map(([name, list]) => [name, [...list, 'alice']]))
      assert.ok(compilePolicy(given, joined).findGrant(who, what))
    }),
  )
})

test('grants for names that cannot match change nothing when these are renamed', () => {
  fc.assert(
    fc.property(grants, terms, groups, caller, want, (given, other, members, who, what) => {
      const withOther = (repositories: string) => compilePolicy([...given, { id: 99, ...other, repositories }], members).findGrant(who, what)?.id
      assert.equal(withOther('unrelated/one'), withOther('unrelated/two'))
    }),
  )
})

test('what is explained is what is decided', () => {
  fc.assert(
    fc.property(grants, groups, caller, want, (given, members, who, what) => {
      const policy = compilePolicy(given, members)
      if (policy.isOpen) return
      const { allowed, grant } = explain(policy, who, what)
      assert.equal(allowed, policy.findGrant(who, what) !== undefined)
      if (allowed) assert.equal(grant, policy.findGrant(who, what))
    }),
  )
})

const alice: Caller = { principal: { kind: 'account', name: 'alice' }, address: '192.168.1.1', now: NOW }
const forCi = { id: 3, to: { kind: 'group', name: 'ci' }, actions: ['push'], repositories: 'team/**' } as const satisfies Grant

for (const [why, grant, wanted, because] of [
  ['that allows', forCi, { action: 'push', repository: 'team/app' }, 'allowed by grant 3 (group ci, push, team/**)'],
  ['for another action', forCi, { action: 'delete', repository: 'team/app' }, /nearest: grant 3 .*it is for push, not delete$/],
  ['for other repositories', forCi, { action: 'push', repository: 'other' }, /team\/\*\* does not match other$/],
  ['for other tags', { ...forCi, tags: 'dev-*' }, { action: 'push', repository: 'team/app', tag: 'v1' }, /tags dev-\* do not match v1$/],
  ['for new tags', { ...forCi, isCreateOnly: true }, { action: 'push', repository: 'team/app', tag: 'v1', overwrites: true }, /new tags, and v1 is there$/],
  ['that ended', { ...forCi, until: NOW }, { action: 'push', repository: 'team/app' }, /it ended 2030-01-01T00:00:00.000Z$/],
  ['for another network', { ...forCi, from: '10.0.0.0/8' }, { action: 'push', repository: 'team/app' }, /connections from 10.0.0.0\/8$/],
  ['for somebody else', { ...forCi, to: { kind: 'user', name: 'bob' } }, { action: 'push', repository: 'team/app' }, /it is for others$/],
] as const satisfies readonly (readonly [string, Grant, Want, string | RegExp])[]) {
  test(`a grant ${why} is named, with what decided`, () => {
    const found = explain(compilePolicy([grant], new Map([['ci', ['alice']]])), alice, wanted)
    if (typeof because === 'string') assert.equal(found.because, because)
    else assert.match(found.because, because)
    assert.equal(found.grant, grant)
  })
}

test('a pattern with many wildcards is soon done with a long name', () => {
  const policy = compilePolicy([{ id: 1, to: { kind: 'anonymous' }, actions: ['pull'], repositories: `${'*a'.repeat(60)}b/**/x/**/y` }], new Map())
  assert.equal(policy.findGrant(alice, { action: 'pull', repository: `${'a'.repeat(200)}/${'x/'.repeat(20)}z` }), undefined)
})
