import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findRepositoryName, parseRepositoryName } from './name.ts'

const part = fc.stringMatching(/^[a-z0-9]{1,6}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}$/)

test('every name by the grammar of the specification is read as it is', () => {
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
      const name = parts.join('/')
      assert.equal(parseRepositoryName(name), name)
    }),
  )
})

test('no name, whatever is sent, leads out of its folder or to ours', () => {
  const piece = fc.constantFrom('a', 'B', '0', '.', '..', '/', '//', '_', '__', '___', '-', '%2F', '\\', '\0', ':', ' ', '\n', '_manifests', '_layers', 'ä')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const name = findRepositoryName(pieces.join(''))
      for (const step of name?.split('/') ?? []) assert.match(step, /^[a-zA-Z0-9]/)
      if (name) assert.match(name, /^[a-zA-Z0-9._:/-]+$/)
    }),
    { numRuns: 2000 },
  )
})

for (const [name, why] of [
  ['library/alpine', 'two parts'],
  ['a', 'one letter'],
  ['a/b/c/d/e/f', 'many parts'],
  ['a.b_c__d-e---f', 'every separator'],
  ['my.host:5000/app', 'a first part like a host with a port, as Distribution takes it'],
  ['My.Host/app', 'a first part like a host, upper case'],
  ['a'.repeat(255), '255 characters'],
] as const) {
  test(`parseRepositoryName takes ${why}`, () => assert.equal(parseRepositoryName(name), name))
}

for (const [name, why] of [
  ['', 'nothing'],
  ['..', 'the folder above'],
  ['a/../b', 'the folder above in the middle'],
  ['../../etc/passwd', 'a way out'],
  ['a/./b', 'a dot part'],
  ['/a', 'a slash first'],
  ['a/', 'a slash last'],
  ['a//b', 'an empty part'],
  ['a%2Fb', 'percent signs'],
  ['a%252fb', 'double encoding'],
  ['a\0b', 'a NUL'],
  ['a\nb', 'a line break'],
  ['a\n', 'a line break last'],
  ['Upper', 'upper case'],
  ['_layers', 'a name of the layout'],
  ['a/_manifests', 'a name of the layout below'],
  ['a___b', 'three underscores'],
  ['a..b', 'two dots'],
  ['-a', 'a dash first'],
  ['a-', 'a dash last'],
  ['a:5000', 'a port without a path'],
  ['a/b:5000/c', 'a port in the middle'],
  ['ä', 'letters beyond ASCII'],
  ['a'.repeat(256), '256 characters'],
  ['a/'.repeat(150).slice(0, -1), '299 characters in many parts'],
] as const) {
  test(`parseRepositoryName refuses ${why}`, () => assert.throws(() => parseRepositoryName(name), { code: 'NAME_INVALID', status: 400 }))
}

test('a hostile name is refused at once', () => {
  const started = performance.now()
  for (const text of [`${'a'.repeat(255)}!`, `${'a-'.repeat(127)}!`, `${'a.'.repeat(127)}/`, `${'a/'.repeat(127)}_`]) findRepositoryName(text)
  assert.ok(performance.now() - started < 500)
})
