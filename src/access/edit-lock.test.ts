import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposable, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockForEditing } from './edit-lock.ts'

const makeFolder = () => mkdtempDisposable(join(tmpdir(), 'lacre-lock-'))

/** The id of a process that has ended. */
async function findDeadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  return child.pid ?? assert.fail('no process')
}

test('one holds the lock at a time, and nothing is left of it', async () => {
  await using folder = await makeFolder()
  let holders = 0
  const edit = async () => {
    await using _ = await lockForEditing(join(folder.path, 'f'))
    holders += 1
    assert.equal(holders, 1)
    assert.match(await readFile(join(folder.path, 'f.lock'), 'utf8'), new RegExp(`^${process.pid} `))
    holders -= 1
  }
  await Promise.all(Array.from({ length: 8 }, edit))
  assert.deepEqual(await readdir(folder.path), [])
})

test('a held lock is waited for, then reported with who holds it', async () => {
  await using folder = await makeFolder()
  await using _ = await lockForEditing(join(folder.path, 'f'))
  await assert.rejects(lockForEditing(join(folder.path, 'f'), { patienceMs: 1 }), { code: 'FILE_BUSY', message: new RegExp(`process ${process.pid} on`) })
})

for (const [whose, holder, ageMs] of [
  ['of a process that is gone', async () => `${await findDeadPid()} ${hostname()} x\n`, 0],
  ['of another machine, a minute old', async () => '1 elsewhere x\n', 61_000],
  ['of this process id before a restart, a minute old', async () => `${process.pid} ${hostname()} x\n`, 61_000],
  ['without content, a minute old', async () => '', 61_000],
] as const) {
  test(`a lock ${whose} is taken over`, async () => {
    await using folder = await makeFolder()
    const lock = join(folder.path, 'f.lock')
    await writeFile(lock, await holder())
    await utimes(lock, new Date(Date.now() - ageMs), new Date(Date.now() - ageMs))
    const held = await lockForEditing(join(folder.path, 'f'), { patienceMs: 1 })
    await held[Symbol.asyncDispose]()
    assert.deepEqual(await readdir(folder.path), [])
  })
}

for (const [whose, holder] of [
  ['of a living process', async () => `${process.ppid} ${hostname()} x\n`],
  ['of another machine', async () => `${await findDeadPid()} elsewhere x\n`],
  ['without content', async () => ''],
] as const) {
  test(`a fresh lock ${whose} is left alone`, async () => {
    await using folder = await makeFolder()
    const lock = join(folder.path, 'f.lock')
    const content = await holder()
    await writeFile(lock, content)
    await assert.rejects(lockForEditing(join(folder.path, 'f'), { patienceMs: 1 }), { code: 'FILE_BUSY' })
    assert.equal(await readFile(lock, 'utf8'), content)
  })
}

test('many that find an abandoned lock hold it one after another', async () => {
  await using folder = await makeFolder()
  await writeFile(join(folder.path, 'f.lock'), `${await findDeadPid()} ${hostname()} x\n`)
  let holders = 0
  const edit = async () => {
    await using _ = await lockForEditing(join(folder.path, 'f'))
    holders += 1
    assert.equal(holders, 1)
    await readdir(folder.path)
    holders -= 1
  }
  await Promise.all(Array.from({ length: 8 }, edit))
  assert.deepEqual(await readdir(folder.path), [])
})
