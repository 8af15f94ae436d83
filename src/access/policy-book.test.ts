import assert from 'node:assert/strict'
import { mkdtempDisposable, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAccessFile } from '../metadata/access-file.ts'
import type { Terms } from './grant.ts'
import { deleteGrant, insertGrant } from './grant-rows.ts'
import { insertGroup, insertMember } from './group-rows.ts'
import { PolicyBook } from './policy-book.ts'

const makeFolder = () => mkdtempDisposable(join(tmpdir(), 'lacre-book-'))
const terms: Terms = { to: { kind: 'group', name: 'ci' }, actions: ['push'], repositories: 'team/**', tags: 'v*', until: 4_000_000_000_000 }

test('grants and groups are there after a restart, and numbers are not used twice', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'state/access.db')
  {
    using book = PolicyBook.open(path)
    assert.equal(book.policy.isOpen, true)
    book.change((database) => {
      insertGroup(database, 'ci')
      insertMember(database, 'ci', 'alice')
      insertGrant(database, terms)
      insertGrant(database, terms)
    })
    book.change((database) => deleteGrant(database, 2))
    book.change((database) => insertGrant(database, { ...terms, isCreateOnly: true }))
  }
  using book = PolicyBook.open(path)
  assert.deepEqual(book.policy.groups, new Map([['ci', ['alice']]]))
  assert.deepEqual(book.policy.grants, [
    { id: 1, ...terms },
    { id: 3, ...terms, isCreateOnly: true },
  ])
})

test('a change that fails changes nothing, on disk and in what is decided', async () => {
  await using folder = await makeFolder()
  using book = PolicyBook.open(join(folder.path, 'access.db'))
  const before = book.policy
  const failing = () =>
    book.change((database) => {
      insertGrant(database, terms)
      throw new Error('half-way')
    })
  assert.throws(failing, /half-way/)
  assert.equal(book.policy, before)
  assert.equal(book.change(() => undefined).isOpen, true)
})

test('where nothing may be written the grants are read, a change is refused, and no file is left', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'access.db')
  {
    using none = PolicyBook.open(path, { isReadOnly: true })
    assert.equal(none.policy.isOpen, true)
  }
  assert.deepEqual(await readdir(folder.path), [])
  {
    using book = PolicyBook.open(path)
    book.change((database) => insertGrant(database, terms))
  }
  using book = PolicyBook.open(path, { isReadOnly: true })
  assert.equal(book.policy.grants.length, 1)
  assert.throws(() => book.change((database) => deleteGrant(database, 1)), { code: 'FILE_UNUSABLE' })
  assert.equal(book.policy.isOpen, false)
  assert.deepEqual(await readdir(folder.path), ['access.db'])
})

const spoil: Readonly<Record<string, (path: string) => unknown>> = {
  'that is damaged': (path) => writeFile(path, 'no database at all, and longer than a header '.repeat(100)),
  'of a later lacre': (path) => {
    using database = openClosing(path)
    database.file.execute('PRAGMA user_version=99')
  },
  'with a grant that means nothing': (path) => {
    using database = openClosing(path)
    database.file.execute(`INSERT INTO access_grant (terms) VALUES ('{"principal":"anonymous","actions":["fly"],"repositories":"a"}')`)
  },
}

function openClosing(path: string): Disposable & { readonly file: ReturnType<typeof openAccessFile> } {
  const file = openAccessFile(path)
  return { file, [Symbol.dispose]: () => file.close() }
}

for (const [what, change] of Object.entries(spoil)) {
  test(`a file ${what} is refused, with a way out, and stays as it is`, async () => {
    await using folder = await makeFolder()
    const path = join(folder.path, 'access.db')
    await change(path)
    assert.throws(() => PolicyBook.open(path), { code: 'POLICY_UNREADABLE', hint: /backup.*lacre access apply/ })
    assert.deepEqual(await readdir(folder.path), ['access.db'])
  })
}
