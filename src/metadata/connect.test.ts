import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { IN_MEMORY, type IndexDatabase, openIndex, openState, type StateDatabase } from './connect.ts'
import { Database } from './database.ts'

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'lacre-metadata-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

/** An index and why it began anew. */
function openTold(path: string, cause?: Error): { readonly index: IndexDatabase; readonly reasons: string[] } {
  const reasons: string[] = []
  return { index: openIndex(path, (reason) => reasons.push(reason), cause), reasons }
}

const insert = (index: IndexDatabase, name: string): void => index.run(index.build.insertInto('repository').values({ id: null as never, name, is_listed: 1 }))
const names = (index: IndexDatabase): string[] => index.all(index.build.selectFrom('repository').select('name').orderBy('name')).map(({ name }) => name)

/** An index with one row, closed. */
function makeIndex(path: string): void {
  const { index } = openTold(path)
  insert(index, 'a')
  index.close()
}

test('an index keeps its rows from one start to the next', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'cache', 'index.db')
  makeIndex(path)
  const { index, reasons } = openTold(path)
  assert.deepEqual([names(index), reasons], [['a'], []])
  index.close()
})

for (const [what, harm] of [
  ['no database', (path: string) => writeFileSync(path, 'not a database, but long enough to have a header of its own'.repeat(20))],
  ['cut short', (path: string) => truncateSync(path, statSync(path).size / 2)],
  ['damaged inside', (path: string) => writeFileSync(path, readFileSync(path).fill(0xaa, 4096, 8192))],
  ['of a later version', (path: string) => setVersion(path, 99)],
  ['a folder', (path: string) => rmThenMake(path)],
] as const) {
  test(`an index that is ${what} gives way to a new one, with a word why`, async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'index.db')
    makeIndex(path)
    harm(path)
    const { index, reasons } = openTold(path)
    assert.equal(reasons.length, 1)
    assert.match(reasons[0] ?? '', /index\.db is of no use \(.+\); a new one is built from the volume/)
    assert.deepEqual(names(index), [])
    insert(index, 'b')
    index.close()
    const again = openTold(path)
    assert.deepEqual([names(again.index), again.reasons], [['b'], []])
    again.index.close()
  })
}

function setVersion(path: string, version: number): void {
  const database = new Database<object>(path, { synchronous: 'NORMAL' })
  database.execute(`PRAGMA user_version=${version}`)
  database.close()
}

function rmThenMake(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
  mkdirSync(path)
}

test('where no file can be made, the index is in memory', async () => {
  await using folder = await temporaryFolder()
  writeFileSync(join(folder.path, 'file'), '')
  const { index, reasons } = openTold(join(folder.path, 'file', 'index.db'))
  assert.ok(reasons.length > 0)
  insert(index, 'a')
  assert.deepEqual(names(index), ['a'])
  index.close()
})

test('after a full disk the next index is in memory; after damage it is a new file', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'index.db')
  makeIndex(path)
  const full = openTold(path, Object.assign(new Error('database or disk is full'), { errcode: 13 }))
  insert(full.index, 'in memory')
  full.index.close()
  const kept = openTold(path)
  assert.deepEqual(names(kept.index), ['a'])
  kept.index.close()
  const damaged = openTold(path, Object.assign(new Error('malformed'), { errcode: 11 }))
  assert.deepEqual(names(damaged.index), [])
  damaged.index.close()
})

const damage = (state: StateDatabase, digest: string): void =>
  state.run(state.build.insertInto('damaged_blob').values({ digest, reason: 'test', found_at: '' }))
const damages = (state: StateDatabase): number => state.all(state.build.selectFrom('damaged_blob').select('digest')).length

test('the state keeps what it was told, in a folder for our eyes only', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'state', 'state.db')
  const first = openState(path)
  damage(first, 'sha256:x')
  first.close()
  const second = openState(path)
  assert.equal(damages(second), 1)
  assert.equal(statSync(join(folder.path, 'state')).mode & 0o777, 0o700)
  second.close()
})

test('a damaged state is kept under another name, said, and a new one begins', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'state.db')
  writeFileSync(path, 'not a database, but long enough to have a header of its own'.repeat(20))
  const reasons: string[] = []
  const state = openState(path, (reason) => reasons.push(reason))
  assert.match(reasons[0] ?? '', /state\.db is damaged \(.+\): it is kept as .*state\.db\.damaged-/)
  damage(state, 'sha256:x')
  assert.equal(damages(state), 1)
  state.close()
  assert.ok(readdirSync(folder.path).some((name) => name.startsWith('state.db.damaged-')))
})

test('a state of a later lacre is not touched: it is ours no more to understand', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'state.db')
  openState(path).close()
  setVersion(path, 99)
  const before = readFileSync(path)
  assert.throws(
    () => openState(path),
    (error: Error & { hint?: unknown }) => typeof error.hint === 'string' && /version 99/.test(error.message),
  )
  assert.deepEqual(readFileSync(path), before)
})

test('a transaction that fails changes nothing, and the next works', () => {
  const { index } = openTold(IN_MEMORY)
  const failing = () =>
    index.transaction(() => {
      insert(index, 'a')
      throw new Error('no')
    })
  assert.throws(failing, { message: 'no' })
  assert.deepEqual(names(index), [])
  index.transaction(() => insert(index, 'b'))
  assert.deepEqual(names(index), ['b'])
  index.close()
})

test('names sort by their bytes', () => {
  const { index } = openTold(IN_MEMORY)
  for (const name of ['ab', 'a/b', 'a-b', 'a', 'a.b', 'B']) insert(index, name)
  assert.deepEqual(names(index), ['B', 'a', 'a-b', 'a.b', 'a/b', 'ab'])
  index.close()
})
