import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitMsAfter } from './backoff.ts'

const endpoint = { threshold: 3, backoffMs: 1000 }
const waits = (failures: readonly number[], settings = endpoint): number[] => failures.map((count) => waitMsAfter(count, settings, 0))

test('below the threshold there is no wait, at it the configured one, and then twice as long each time', () => {
  assert.deepEqual(waits([1, 2, 3, 4, 5, 6]), [0, 0, 1000, 2000, 4000, 8000])
})

test('no wait is longer than a minute, or than the configured one', () => {
  assert.deepEqual(waits([10, 100, 100_000]), [60_000, 60_000, 60_000])
  assert.deepEqual(waits([4, 100], { threshold: 3, backoffMs: 300_000 }), [300_000, 300_000])
})

test('chance makes a wait a fifth longer at most', () => {
  assert.equal(waitMsAfter(4, endpoint, 0.999999) < 2400, true)
})
