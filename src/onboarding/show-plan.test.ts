import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change } from './changes.ts'
import { describeChange, showChanges } from './show-plan.ts'

const state = (content: string, mode = 0o644) => ({ kind: 'file' as const, mode, uid: 0, gid: 0, content: Buffer.from(content) })
const change = (before: string | undefined, after: string | undefined): Change => ({
  kind: 'path',
  path: '/f',
  before: before === undefined ? undefined : state(before),
  after: after === undefined ? undefined : state(after),
})

const lines = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, index) => `${from + index}\n`).join('')

for (const [what, before, after, shown] of [
  ['a new file', undefined, 'a\nb\n', ['write /f (mode 0644)', '  --- /dev/null', '  +++ /f', '  @@ -0,0 +1,2 @@', '  +a', '  +b']],
  ['a removed file', 'a\n', undefined, ['remove /f', '  --- /f', '  +++ /dev/null', '  @@ -1,1 +0,0 @@', '  -a']],
  ['a changed line', 'a\nb\n', 'a\nc\n', ['change /f (mode 0644)', '  --- /f', '  +++ /f', '  @@ -1,2 +1,2 @@', '   a', '  -b', '  +c']],
] as const) {
  test(`${what} is shown as a unified diff`, () => assert.deepEqual(showChanges([change(before, after)]), shown))
}

test('far changes are hunks of their own, with three lines around them', () => {
  const { diff } = describeChange(change(lines(1, 30), `0\n${lines(1, 29)}x\n`))
  assert.deepEqual(
    diff?.filter((line) => line.startsWith('@@')),
    ['@@ -1,3 +1,4 @@', '@@ -27,4 +28,4 @@'],
  )
})

test('a private key is never shown, neither the old one nor the new one', () => {
  const key = '-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n'
  for (const shown of [change(undefined, key), change(key, 'x'), change(key, undefined), change('x', key)]) {
    const text = showChanges([shown]).join('\n')
    assert.doesNotMatch(text, /c2VjcmV0/)
    assert.match(text, /a private key: not shown/)
  }
})

test('a change of mode alone, a folder and a command are one line', () => {
  const folder = { kind: 'folder' as const, mode: 0o700, uid: 0, gid: 0 }
  const shown = showChanges([
    { kind: 'path', path: '/f', before: state('a', 0o644), after: state('a', 0o400) },
    { kind: 'path', path: '/d', before: undefined, after: folder },
    { kind: 'command', words: ['docker', 'context', 'create', "it's"] },
  ])
  assert.deepEqual(shown, ['change /f (mode 0644 → 0400)', 'make folder /d (mode 0700)', "run docker context create 'it'\\''s'"])
})

test('nothing to do is said', () => assert.deepEqual(showChanges([]), ['nothing to do: all is as it should be']))
