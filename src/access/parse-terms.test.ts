import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeTerms } from './grant.ts'
import { parseTerms } from './parse-terms.ts'

const resolve = (name: string) => (name === 'ci' || name === 'group:ci' ? ({ kind: 'group', name: 'ci' } as const) : `there is no group "${name}"`)
const base = { principal: 'ci', actions: 'push', repositories: 'team/**' }

test('what a grant says survives being written down', () => {
  const given = { ...base, tags: 'dev-*', from: '10.0.0.0/8', until: '2030-01-31', 'create-only': true }
  const { terms } = parseTerms(given, resolve)
  assert.ok(terms)
  assert.equal(terms.until, Date.UTC(2030, 1, 1))
  assert.deepEqual(parseTerms(describeTerms(terms), resolve).terms, terms)
})

for (const [why, change, mistake] of [
  ['a group that does not exist', { principal: 'ic' }, /no group "ic"/],
  ['no principal', { principal: undefined }, /principal is missing/],
  ['a name with a colon', { principal: 'user:a:b' }, /must not hold ":"/],
  ['an unknown action', { actions: 'pull,write' }, /no action "write"/],
  ['no action', { actions: [] }, /actions are missing/],
  ['upper-case letters in a name', { repositories: 'Team/x/Y' }, /matches nothing/],
  ['a slash in front', { repositories: '/team/**' }, /matches nothing/],
  ['an empty component', { repositories: 'team//*' }, /matches nothing/],
  ['a component that ends in a dash', { repositories: 'team/*-' }, /matches nothing/],
  ['a name longer than any', { repositories: `${'a'.repeat(256)}/*` }, /matches nothing/],
  ['two stars in a component', { repositories: 'team/a**' }, /whole component/],
  ['a tag that cannot be', { tags: '-*' }, /no tag matches/],
  ['a network with too many bits', { from: '10.0.0.0/33' }, /no network/],
  ['a network that is a name', { from: 'intranet' }, /no network/],
  ['a date that is none', { until: 'tomorrow' }, /no date/],
  ['a day that is none', { until: '2030-02-40' }, /no date/],
  ['tags for pulls alone', { actions: 'pull', tags: 'v*' }, /grants neither/],
  ['create-only without push', { actions: 'pull', 'create-only': true }, /does not grant/],
  ['create-only with delete', { actions: 'push,delete', 'create-only': true }, /keeps nothing/],
  ['a key that is none', { tag: 'v*' }, /no key "tag"/],
] as const) {
  test(`a grant with ${why} is refused, and says so`, () => {
    const { terms, mistakes } = parseTerms({ ...base, ...change }, resolve)
    assert.deepEqual([terms, mistakes.length], [undefined, 1])
    assert.match(mistakes[0] ?? '', mistake)
  })
}

test('every mistake of a grant is told', () => {
  const { mistakes } = parseTerms({ principal: 'ic', actions: 'x', repositories: '//', from: 'y' }, resolve)
  assert.equal(mistakes.length, 4)
})

test('what is no grant at all is said to be none', () => {
  for (const given of [null, 'x', 3, []]) assert.equal(parseTerms(given, resolve).mistakes.length, 1)
})
