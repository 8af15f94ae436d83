import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findDuration, formatDuration, fromNanoseconds } from './duration.ts'

for (const [text, milliseconds] of [
  ['168h', 604_800_000],
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['.5s', 500],
  ['250ms', 250],
  ['1us', 1],
  ['0', 0],
  ['-1m', -60_000],
] as const) {
  test(`findDuration reads ${text}`, () => assert.equal(findDuration(text), milliseconds))
}

for (const text of ['', '5', '7 days', '1d', 'h', '1h ', '1hm', '--1s']) {
  test(`findDuration does not take ${JSON.stringify(text)} for a duration`, () => assert.equal(findDuration(text), undefined))
}

test('fromNanoseconds rounds up to milliseconds', () => assert.deepEqual([0, 1, 1e9].map(fromNanoseconds), [0, 1, 1000]))

for (const text of ['168h', '1m30s', '250ms', '0s', '25h1ms']) {
  test(`formatDuration writes ${text} as it was`, () => assert.equal(formatDuration(findDuration(text) ?? Number.NaN), text))
}
