import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseStrictJson } from './strict-json.ts'

const read = (text: string): unknown => parseStrictJson(Buffer.from(text))

test('what JSON writes is read as JSON reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 2, '\t'), (value, space) => {
      const text = JSON.stringify(value, null, space)
      assert.deepEqual(read(text), JSON.parse(text))
    }),
    { numRuns: 500 },
  )
})

test('any bytes are either JSON or an error in words', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        parseStrictJson(bytes)
      } catch (error) {
        assert.ok(error instanceof Error && error.message.length > 0 && error.message.length < 300)
      }
    }),
    { numRuns: 1000 },
  )
})

for (const [text, why] of [
  ['{"a":1,"a":2}', 'a key twice'],
  ['{"a":{"b":1,"b":1}}', 'a key twice below'],
  ['[{"a":1},{"b":{"c":0, "c" : 0}}]', 'a key twice in a list'],
  ['{"a":1,"\\u0061":2}', 'a key twice, once escaped'],
  ['{"\\u0061":1,"a":2}', 'a key twice, first escaped'],
  ['{"a":1,"b":[{"a":1}],"a"\n:2}', 'a key again after a list with the same key'],
  ['{"__proto__":1,"__proto__":2}', 'a special key twice'],
  ['{"a":"}","a":1}', 'a key twice around a brace in a string'],
  ['{"a":"\\"","a":1}', 'a key twice around an escaped quote'],
  ['{"a":"\\\\","a":1}', 'a key twice around an escaped backslash'],
] as const) {
  test(`${why} is refused`, () => assert.throws(() => read(text), /twice/))
}

for (const text of ['{"a":{"a":{"a":1}}}', '[{"a":1},{"a":2}]', '{"a":"a","b":"a"}', '{"a":":","b":":"}', '{"a":["a","a"],"b":[]}', '{"a\\"":1,"a":2}']) {
  test(`${text} has no key twice`, () => assert.deepEqual(read(text), JSON.parse(text)))
}

for (const [open, close] of [
  ['[', ']'],
  ['{"a":', '}'],
] as const) {
  const nested = (depth: number): string => `${open.repeat(depth)}1${close.repeat(depth)}`
  test(`${open} nested 10,000 deep is refused, 128 deep is read`, () => {
    assert.throws(() => read(nested(10_000)), /nested/)
    assert.throws(() => read(nested(129)), /nested/)
    assert.deepEqual(read(nested(128)), JSON.parse(nested(128)))
  })
}

test('4 MiB of opening brackets, of quotes or of one long string take no long time', () => {
  const started = performance.now()
  for (const text of ['['.repeat(4 << 20), '"'.repeat(4 << 20), `"${'\\'.repeat(4 << 20)}`, `{${'"a" '.repeat(1 << 20)}}`]) assert.throws(() => read(text))
  assert.ok(performance.now() - started < 5000)
})

for (const [bytes, why] of [
  [Buffer.from(''), 'nothing'],
  [Buffer.from('not json'), 'words'],
  [Buffer.from('{"a":1'), 'half an object'],
  [Buffer.from('{"a":1}{}'), 'two objects'],
  [Buffer.from('{"a":1,}'), 'a comma too many'],
  [Buffer.from("{'a':1}"), 'single quotes'],
  [Buffer.from('\ufeff{}'), 'a byte order mark'],
  [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'bytes that are not UTF-8'],
  [Buffer.from('{}', 'utf16le'), 'UTF-16'],
  [Buffer.from('{"a\nb":1}'), 'a line break in a string'],
] as const) {
  test(`${why} is no JSON`, () => assert.throws(() => parseStrictJson(bytes)))
}
