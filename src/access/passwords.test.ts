import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAccountName } from './account-name.ts'
import { generatePassword, parseCost, parseNewPassword } from './passwords.ts'

for (const text of ['x', 'a'.repeat(72), 'é'.repeat(36), 'with spaces ', ':#:']) {
  test(`parseNewPassword takes ${text.length} characters "${text.slice(0, 12)}"`, () => assert.equal(parseNewPassword(text), text))
}

for (const [text, code, why] of [
  ['', 'PASSWORD_EMPTY', 'nothing'],
  ['a'.repeat(73), 'PASSWORD_TOO_LONG', '73 bytes'],
  ['é'.repeat(37), 'PASSWORD_TOO_LONG', '37 characters of two bytes'],
  ['a\0b', 'PASSWORD_INVALID', 'a NUL'],
  ['a\nb', 'PASSWORD_INVALID', 'a line end'],
  ['a\x7f', 'PASSWORD_INVALID', 'a DEL'],
  ['a\ud800', 'PASSWORD_INVALID', 'half a surrogate pair'],
] as const) {
  test(`parseNewPassword refuses ${why}`, () => assert.throws(() => parseNewPassword(text), { code }))
}

for (const name of ['alice', 'alice.b@example.org', 'josé', 'a b', 'a#b', 'a'.repeat(255)]) {
  test(`parseAccountName takes "${name.slice(0, 20)}"`, () => assert.equal(parseAccountName(name), name))
}

for (const name of ['', 'a:b', ':', 'a\nb', 'a\0', '#alice', ' alice', 'alice ', '\u0085', 'a'.repeat(256), 'é'.repeat(128), '\udc00']) {
  test(`parseAccountName refuses ${JSON.stringify(name.slice(0, 20))} (${name.length} characters)`, () =>
    assert.throws(() => parseAccountName(name), { code: 'NAME_INVALID' }))
}

test('parseCost takes 4 to 17 and nothing else', () => {
  const taken = ['3', '4', '10', '17', '18', '', '1e1', '-5', '10.0', '010', 'x'].filter((text) => {
    try {
      return parseCost(text) > 0
    } catch {
      return false
    }
  })
  assert.deepEqual(taken, ['4', '10', '17'])
})

test('a generated password holds more than 128 bits and is one that may be stored', () => {
  const choices: number[] = []
  const password = generatePassword((below) => {
    choices.push(below)
    return below - 1
  })
  const bits = choices.reduce((sum, below) => sum + Math.log2(below), 0)
  assert.ok(bits >= 128, `${bits} bits`)
  assert.equal(parseNewPassword(password), password)
  assert.notEqual(generatePassword(), generatePassword())
})

test('a generated password has no characters that are taken for one another', () => {
  assert.doesNotMatch(Array.from({ length: 50 }, () => generatePassword()).join(''), /[^a-z2-9-]|[ilo]/)
})
