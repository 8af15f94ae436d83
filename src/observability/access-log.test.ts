import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessEntry, createAccessLog } from './access-log.ts'

const entry: AccessEntry = {
  remoteAddress: '127.0.0.1',
  time: new Date('2026-11-21T22:44:50.987Z'),
  method: 'GET',
  url: '/v2/',
  httpVersion: '1.1',
  status: 200,
  bytes: 2,
  userAgent: 'x"y',
}

function write(fields: Partial<AccessEntry> = {}, disabled = false): string {
  const lines: string[] = []
  createAccessLog({ accesslog: { disabled } }, { write: (line) => void lines.push(line) })({ ...entry, ...fields })
  return lines.join('')
}

test('the access log writes what Distribution writes', () => {
  assert.equal(write(), `${String.raw`127.0.0.1 - - [21/Nov/2026:22:44:50 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "x\"y"`}\n`)
})

test('the access log names the account', () => {
  assert.match(write({ user: 'alice' }), /^127\.0\.0\.1 - alice \[/)
})

for (const [what, fields, expected] of [
  ['a line break in the user agent', { userAgent: 'a\r\n127.0.0.1 - - [' }, String.raw`"a\x0d\x0a127.0.0.1 - - ["`],
  ['an escape sequence in the path', { url: '/v2/\u001b[2J' }, String.raw`"GET /v2/\x1b[2J HTTP/1.1"`],
  ['a backslash before a quote', { referer: '\\"' }, String.raw`"\\\""`],
  ['letters outside ASCII', { userAgent: 'é' }, String.raw`"\xc3\xa9"`],
  ['a space in the account', { user: 'a b' }, String.raw`- a\x20b [`],
] as const) {
  test(`the access log escapes ${what}`, () => assert.ok(write(fields).includes(expected)))
}

test('the access log writes nothing when it is disabled', () => assert.equal(write({}, true), ''))
