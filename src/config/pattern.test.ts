import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findPattern } from './pattern.ts'

for (const [go, text] of [
  ['^https?://([^/]+\\.)*example\\.com/', 'https://a.example.com/x'],
  ['(?i)EXAMPLE', 'https://example.com'],
  ['(?P<host>example)', 'example'],
  ['\\Ahttps\\z', 'https'],
  ['a\\-b\\_c', 'a-b_c'],
] as const) {
  test(`${go} matches ${text}, as in Go`, () => assert.equal(findPattern(go)?.test(text), true))
}

for (const go of ['(', '[a', '[[:alpha:]]+', '\\pL', '\\Q.\\E', '(?U)a+']) {
  test(`${go} is refused, because it means nothing here, or something else`, () => assert.equal(findPattern(go), undefined))
}
