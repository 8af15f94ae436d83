import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextLink, parseAfter, parseLimit } from './pagination.ts'

test('parseLimit reads a whole number, or none', () => {
  assert.equal(parseLimit(new URLSearchParams('n=20')), 20)
  assert.equal(parseLimit(new URLSearchParams('n=0')), 0)
  assert.equal(parseLimit(new URLSearchParams('n=')), undefined)
  assert.equal(parseLimit(new URLSearchParams('')), undefined)
})

for (const text of ['-1', '1.5', 'x', '1e3', ' 1', '9'.repeat(16)]) {
  test(`parseLimit refuses ${JSON.stringify(text)}`, () =>
    assert.throws(() => parseLimit(new URLSearchParams({ n: text })), { code: 'PAGINATION_NUMBER_INVALID' }))
}

test('a link leads to what parseAfter and parseLimit read', () => {
  const { Link = '' } = nextLink('/v2/_catalog', { n: '2', last: 'a/b c' })
  assert.equal(Link, '</v2/_catalog?last=a%2Fb+c&n=2>; rel="next"')
  const query = new URL(Link.slice(1, Link.indexOf('>')), 'http://any.test').searchParams
  assert.deepEqual([parseAfter(query), parseLimit(query)], [{ after: 'a/b c' }, 2])
})
