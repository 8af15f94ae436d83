import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findEntries, formatHtpasswd, type HtpasswdFile, listEntries, parseHtpasswd, removeEntries, setEntry } from './htpasswd-file.ts'

const parse = (text: string) => parseHtpasswd(Buffer.from(text))
const format = (file: HtpasswdFile) => formatHtpasswd(file).toString()

test('comments and blank lines are skipped, white space around a line does not count, the first colon parts it', () => {
  const file = parse('# the users: all of them\n\n  \t\nalice:$2y$x\r\n  bob:a:b \n#carol:$2y$x\nempty:\n:nameless')
  assert.deepEqual(listEntries(file), [
    { name: 'alice', hash: '$2y$x' },
    { name: 'bob', hash: 'a:b' },
    { name: 'empty', hash: '' },
    { name: '', hash: 'nameless' },
  ])
})

test('a line without a colon makes the file invalid, and the message has its number but not its text', () => {
  assert.throws(
    () => parse('alice:x\n\nS3cret\nbob:y\n'),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'FILE_INVALID')
      assert.match(error.message, /line 3/)
      return !error.message.includes('S3cret')
    },
  )
})

test('an empty file has no entries', () => assert.deepEqual(listEntries(parse('')), []))

test('a new entry goes to the end, on a line of its own', () => {
  assert.equal(format(setEntry(parse(''), { name: 'bob', hash: 'h' })), 'bob:h\n')
  assert.equal(format(setEntry(parse('# c\nalice:x'), { name: 'bob', hash: 'h' })), '# c\nalice:x\nbob:h\n')
  assert.equal(format(setEntry(parse('alice:x\r\n'), { name: 'bob', hash: 'h' })), 'alice:x\r\nbob:h\r\n')
})

test('a changed entry stays where it is, and so do comments and others', () => {
  const text = '# first\r\n alice:x \r\nbob:y\n\n# alice:old\ncarol:z'
  assert.equal(format(setEntry(parse(text), { name: 'alice', hash: 'h' })), '# first\r\nalice:h\r\nbob:y\n\n# alice:old\ncarol:z')
  assert.equal(format(setEntry(parse(text), { name: 'carol', hash: 'h' })), '# first\r\n alice:x \r\nbob:y\n\n# alice:old\ncarol:h')
  assert.equal(format(removeEntries(parse(text), 'bob')), '# first\r\n alice:x \r\n\n# alice:old\ncarol:z')
})

test('of a name that stands there twice both lines are changed or removed', () => {
  assert.equal(format(setEntry(parse('a:1\nb:2\na:3\n'), { name: 'a', hash: 'h' })), 'a:h\nb:2\na:h\n')
  assert.equal(format(removeEntries(parse('a:1\nb:2\na:3\n'), 'a')), 'b:2\n')
})

test('bytes that are not UTF-8 survive an edit', () => {
  const bytes = Buffer.from([...Buffer.from('# caf'), 0xe9, 0x0a, 0xa0, 0x3a, 0x78, 0xa0, 0x0a])
  const edited = formatHtpasswd(setEntry(parseHtpasswd(bytes), { name: 'josé', hash: 'h' }))
  assert.deepEqual(edited, Buffer.concat([bytes, Buffer.from('josé:h\n')]))
  assert.deepEqual(findEntries(parseHtpasswd(edited), 'josé'), [{ name: 'josé', hash: 'h' }])
})

const space = fc.constantFrom('', ' ', '\t')
const name = fc.stringMatching(/^[a-z@é]{1,4}$/)
const hash = fc.stringMatching(/^[!-~]{0,6}$/)
const entryLine = fc.tuple(space, name, fc.constant(':'), hash, space).map((parts) => parts.join(''))
const commentLine = fc.stringMatching(/^#[ -~]{0,8}$/)
const line = fc.oneof(entryLine, entryLine, commentLine, space)
const ends = fc.constantFrom('\n', '\r\n')
const fileText = fc
  .tuple(fc.array(fc.tuple(line, ends)), fc.option(line, { nil: '' }))
  .map(([lines, last]) => lines.map(([text, end]) => text + end).join('') + last)

test('formatting what was parsed gives the same bytes', () => {
  fc.assert(fc.property(fileText, (text) => assert.equal(format(parse(text)), text)))
})

test('after any edits each name has what was set last, and every other line is as it was', () => {
  const edits = fc.array(fc.record({ name, hash: fc.option(hash) }), { maxLength: 6 })
  fc.assert(
    fc.property(fileText, edits, (text, list) => {
      const before = parse(text)
      const after = list.reduce(
        (file, edit) => (edit.hash === null ? removeEntries(file, edit.name) : setEntry(file, { name: edit.name, hash: edit.hash })),
        before,
      )
      const reread = parse(format(after))
      for (const [edited, value] of new Map(list.map((edit) => [edit.name, edit.hash]))) {
        assert.deepEqual(new Set(findEntries(reread, edited).map((entry) => entry.hash)), new Set(value === null ? [] : [value]))
      }
      const touched = new Set(list.map((edit) => edit.name))
      const others = (file: HtpasswdFile) => file.lines.filter(({ entry }) => !(entry && touched.has(entry.name))).map(({ bytes }) => bytes.trimEnd())
      const dropEmptyEnd = (lines: string[]) => lines.join('\n').trimEnd()
      assert.equal(dropEmptyEnd(others(reread)), dropEmptyEnd(others(before)))
    }),
  )
})
