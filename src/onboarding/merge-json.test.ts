import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseJsonObject, setJsonKeys } from './merge-json.ts'

const KEPT = `{
    "log-driver": "journald",   "max": 12345678901234567890,
    "insecure-registries": [ "a:5000",
                             "b:5000" ],
    "tlsverify": false
}
`

test('setting a key leaves every other byte of the file', () => {
  assert.equal(setJsonKeys(KEPT, { tlsverify: true }, 'f'), KEPT.replace('false', 'true'))
})

test('a new key is written as its neighbours are', () => {
  assert.equal(setJsonKeys(KEPT, { hosts: ['a', 'b'] }, 'f'), KEPT.replace('false\n', 'false,\n    "hosts": ["a", "b"]\n'))
  assert.equal(setJsonKeys('{"a":1}', { b: [2] }, 'f'), '{"a":1, "b": [2]}')
  assert.equal(setJsonKeys('{\r\n\t"a": 1\r\n}\r\n', { b: { c: 2 } }, 'f'), '{\r\n\t"a": 1,\r\n\t"b": {\r\n\t\t"c": 2\r\n\t}\r\n}\r\n')
})

test('taking a key out takes its comma with it', () => {
  assert.equal(setJsonKeys('{"a": 1, "b": 2}', { b: undefined }, 'f'), '{"a": 1}')
  assert.equal(setJsonKeys('{"a": 1, "b": 2}', { a: undefined }, 'f'), '{"b": 2}')
  assert.equal(setJsonKeys('{"a": 1}', { a: undefined }, 'f'), '{}')
})

test('no file, an empty one and an empty object give a new object', () => {
  for (const text of ['', '\n', '{}', '{\n}\n']) assert.deepEqual(JSON.parse(setJsonKeys(text, { a: [1] }, 'f')), { a: [1] })
})

test('a byte order mark stays', () => {
  assert.equal(setJsonKeys('\uFEFF{"a": 1}', { a: 2 }, 'f'), '\uFEFF{"a": 2}')
})

for (const [text, hint] of [
  ['{“hosts”: []}', /curly quotes/],
  ['{"a": 1,}', /nothing was changed/],
  ['[1]', /begin with {/],
  ['"text"', /begin with {/],
  ['null', /begin with {/],
] as const) {
  test(`${text} is refused by its path`, () => {
    assert.throws(() => setJsonKeys(text, { a: 1 }, '/etc/docker/daemon.json'), { message: /^\/etc\/docker\/daemon\.json /, hint })
  })
}

test('what a broken file holds is not quoted', () => {
  assert.throws(
    () => setJsonKeys('{"proxy": "user:secret@host" x}', {}, 'f'),
    (error: Error) => !error.message.includes('secret'),
  )
})

test('a key that stands there twice has one value in the end', () => {
  assert.deepEqual(JSON.parse(setJsonKeys('{"a": 1, "a": 2}', { a: 3 }, 'f')), { a: 3 })
})

const json = fc.jsonValue({ maxDepth: 2, noUnicodeString: false })
const object = fc.dictionary(fc.string({ unit: 'grapheme' }), json, { maxKeys: 6 })

test('the result is always the object with the keys set, and setting them back gives the old one', () => {
  fc.assert(
    fc.property(object, object, fc.constantFrom(0, 1, 2, '\t'), (before, keys, indent) => {
      const text = JSON.stringify(before, undefined, indent)
      const was = JSON.parse(text) as Record<string, unknown>
      const wanted = JSON.parse(JSON.stringify(keys)) as Record<string, unknown>
      const after = setJsonKeys(text, wanted, 'f')
      assert.deepEqual(parseJsonObject(after, 'f'), { ...was, ...wanted })
      const undo = Object.fromEntries(Object.keys(wanted).map((key) => [key, Object.hasOwn(was, key) ? was[key] : undefined]))
      assert.deepEqual(parseJsonObject(setJsonKeys(after, undo, 'f'), 'f'), was)
    }),
  )
})
