import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../oci/digest.ts'
import { isUnchanged, wantedRange } from './conditional.ts'

const digest = digestOf('hello')

for (const [header, expected] of [
  [digest, true],
  [`"${digest}"`, true],
  [`W/"${digest}"`, true],
  [`"x" ,  "${digest}"`, true],
  ['*', true],
  ['', false],
  ['"x"', false],
  [digest.slice(0, -1), false],
] as const) {
  test(`If-None-Match ${header.replace(digest, 'DIGEST')} ${expected ? 'matches' : 'does not match'}`, () =>
    assert.equal(isUnchanged({ 'if-none-match': header }, digest), expected))
}

test('without If-None-Match nothing is unchanged', () => assert.equal(isUnchanged({}, digest), false))

test('If-Range decides whether Range counts', () => {
  assert.equal(wantedRange({ range: 'bytes=0-1' }, digest), 'bytes=0-1')
  assert.equal(wantedRange({ range: 'bytes=0-1', 'if-range': `"${digest}"` }, digest), 'bytes=0-1')
  assert.equal(wantedRange({ range: 'bytes=0-1', 'if-range': 'Sat, 21 Nov 2026 00:00:00 GMT' }, digest), undefined)
})
