import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBasic } from './basic.ts'

const encode = (text: string | Buffer) => Buffer.from(text).toString('base64')

for (const [header, username, password, why] of [
  [`Basic ${encode('user:p4ssw0rd')}`, 'user', 'p4ssw0rd', 'a name and a password'],
  [`basic   ${encode('user:p4ssw0rd')}`, 'user', 'p4ssw0rd', 'a scheme in lower case and more than one space'],
  [`Basic ${encode('user:a:b:')}`, 'user', 'a:b:', 'colons in the password'],
  [`Basic ${encode(':secret')}`, '', 'secret', 'an empty name'],
  [`Basic ${encode('user:')}`, 'user', '', 'an empty password'],
  [`Basic ${encode('josé:contraseña€')}`, 'josé', 'contraseña€', 'letters beyond ASCII'],
] as const) {
  test(`parseBasic reads ${why}`, () => assert.deepEqual(parseBasic(header), { username, password }))
}

for (const [header, why] of [
  ['', 'nothing'],
  ['Basic', 'no credentials'],
  ['Basic ', 'empty credentials'],
  [`Bearer ${encode('user:pass')}`, 'another scheme'],
  [`Basic${encode('user:pass')}`, 'no space behind the scheme'],
  [`Basic ${encode('user')}`, 'no colon'],
  ['Basic dXNlcjpwYXN', 'base64 cut short'],
  ['Basic dXNl cjpwYXNz', 'a space inside'],
  ['Basic dXNlcjpw*XNz', 'what is not base64'],
  [`Basic ${encode(Buffer.from([0x75, 0x3a, 0xff]))}`, 'bytes that are not UTF-8'],
] as const) {
  test(`parseBasic takes ${why} for no credentials`, () => assert.equal(parseBasic(header), undefined))
}

test('parseBasic gives back any name and password that were encoded', () => {
  const text = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(text, text, (name, password) => {
      fc.pre(!name.includes(':') && name.isWellFormed() && password.isWellFormed())
      assert.deepEqual(parseBasic(`Basic ${encode(`${name}:${password}`)}`), { username: name, password })
    }),
  )
})
