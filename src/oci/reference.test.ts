import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findTagName, formatReference, parseReference, parseTag } from './reference.ts'

test('a reference that is read is written as it was', () => {
  const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/)
  const digest = fc.stringMatching(/^sha256:[0-9a-f]{64}$/)
  fc.assert(fc.property(fc.oneof(tag, digest), (text) => assert.equal(formatReference(parseReference(text)), text)))
})

test('a tag and a digest are told apart by the colon', () => {
  assert.equal(parseReference('latest').kind, 'tag')
  assert.equal(parseReference(`sha256:${'0'.repeat(64)}`).kind, 'digest')
  assert.equal(parseReference(`sha256-${'0'.repeat(64)}`).kind, 'tag')
})

for (const text of ['', '.', '..', '.hidden', '-dash', 'a/b', 'a b', 'a\0', 'a\n', 'ä', 'a'.repeat(129), 'a@b', '%2e%2e']) {
  test(`the tag ${JSON.stringify(text.slice(0, 20))} is refused`, () => {
    assert.throws(() => parseTag(text), { code: 'TAG_INVALID', status: 400 })
    assert.equal(findTagName(text), undefined)
  })
}

for (const text of ['a:b', 'sha256:', ':', 'sha256:abc', `md5:${'a'.repeat(32)}`]) {
  test(`the reference ${text.slice(0, 20)} is a bad digest, not a bad tag`, () => assert.throws(() => parseReference(text), { code: 'DIGEST_INVALID' }))
}
