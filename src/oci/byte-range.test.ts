import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseContentRange, parseRange } from './byte-range.ts'

for (const [header, size, range] of [
  ['bytes=0-0', 10, { first: 0, last: 0 }],
  ['bytes=0-9', 10, { first: 0, last: 9 }],
  ['bytes=2-5', 10, { first: 2, last: 5 }],
  ['bytes=2-', 10, { first: 2, last: 9 }],
  ['bytes=2-999', 10, { first: 2, last: 9 }],
  ['bytes=-3', 10, { first: 7, last: 9 }],
  ['bytes=-999', 10, { first: 0, last: 9 }],
  ['Bytes=0-1', 10, { first: 0, last: 1 }],
  [undefined, 10, undefined],
  ['', 10, undefined],
  ['bytes=', 10, undefined],
  ['bytes=-', 10, undefined],
  ['bytes=a-b', 10, undefined],
  ['bytes=0-1,3-4', 10, undefined],
  ['lines=0-1', 10, undefined],
] as const) {
  test(`Range ${header} of ${size} bytes is ${JSON.stringify(range)}`, () => assert.deepEqual(parseRange(header, size), range))
}

for (const [header, size] of [
  ['bytes=10-', 10],
  ['bytes=10-20', 10],
  ['bytes=-0', 10],
  ['bytes=5-2', 10],
  ['bytes=1-0', 1],
  ['bytes=0-', 0],
  ['bytes=-5', 0],
  [`bytes=${'9'.repeat(40)}-`, 10],
] as const) {
  test(`Range ${header.slice(0, 20)} of ${size} bytes cannot be satisfied`, () =>
    assert.throws(() => parseRange(header, size), { code: 'RANGE_INVALID', status: 416, headers: { 'Content-Range': `bytes */${size}` } }))
}

test('a range that is given lies within the bytes', () => {
  const numbers = fc.option(fc.nat(40), { nil: '' })
  fc.assert(
    fc.property(numbers, numbers, fc.nat(30), (from, to, size) => {
      const range = rangeOrNothing(`bytes=${from}-${to}`, size)
      if (range) assert.ok(range.first >= 0 && range.first <= range.last && range.last < size)
    }),
  )
})

function rangeOrNothing(header: string, size: number): ReturnType<typeof parseRange> {
  try {
    return parseRange(header, size)
  } catch {
    return undefined
  }
}

for (const [header, range] of [
  ['0-0', { first: 0, last: 0 }],
  ['5-9', { first: 5, last: 9 }],
  ['bytes 5-9/10', { first: 5, last: 9 }],
  ['bytes 5-9/*', { first: 5, last: 9 }],
  ['bytes=5-9', { first: 5, last: 9 }],
  [' 5-9 ', { first: 5, last: 9 }],
] as const) {
  test(`Content-Range ${JSON.stringify(header)} is a place`, () => assert.deepEqual(parseContentRange(header), range))
}

for (const header of ['', '-', '5', '5-', '-5', '9-5', 'a-b', '1-2-3', '0x1-2', '1.5-2', `0-${'9'.repeat(30)}`, '-1-5', '1-5,7-9']) {
  test(`Content-Range ${JSON.stringify(header.slice(0, 20))} is refused`, () =>
    assert.throws(() => parseContentRange(header), { code: 'RANGE_INVALID', status: 416 }))
}

test('a place that is written is read', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (first, more) => {
      assert.deepEqual(parseContentRange(`${first}-${first + more}`), { first, last: first + more })
    }),
  )
})
