import assert from 'node:assert/strict'
import { test } from 'node:test'
import { everyAction } from './client.ts'
import { type Column, readDocument, renderDocument } from './document.ts'
import { situations } from './situations.ts'

const situation = situations[0]?.title ?? ''
const columns: Column[] = ['one', 'another'].map((name) => ({
  name,
  version: `1.0 of ${name}`,
  trusts: 'a | folder',
  cells: { ...everyAction('no command'), login: 'yes' },
  refusals: [
    { situation, attempt: 'login', text: 'what both say' },
    { situation, attempt: 'pull', text: `"a" | ${name}` },
  ],
}))

test('a document is read as it was written', () => {
  assert.deepEqual(readDocument(renderDocument(columns)), columns)
})

test('what two clients say in the same words is one row', () => {
  assert.match(renderDocument(columns), /^\| one, another \| login \| `what both say` \|$/m)
})
