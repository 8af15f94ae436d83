import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDriver } from '../../src/volume/memory.ts'
import { chooseAll } from './choices.ts'
import { explore } from './explore.ts'
import { DeadlockError, Turns } from './turns.ts'

test('few choices are all made, many are the extremes and a sample', () => {
  assert.equal([...chooseAll([2, 3, 2], 12, 1)].length, 12)
  assert.equal(new Set([...chooseAll([2, 3, 2], 12, 1)].map(String)).size, 12)
  const many = [...chooseAll(Array(20).fill(2), 50, 1)].map(String)
  assert.equal(new Set(many).size, 50)
  assert.ok(many.includes(String(Array(20).fill(0))) && many.includes(String(Array(20).fill(1))))
})

test('every interleaving of two actors with three operations each and their start is run once', async () => {
  const seen = new Set<string>()
  const explored = await explore({ limit: 1000, seed: 1 }, async (choose) => {
    const turns = new Turns()
    const driver = turns.drive(new MemoryDriver())
    const work = async (): Promise<void> => {
      for (const path of ['a', 'b', 'c']) await driver.touch(path, 0).catch(() => undefined)
    }
    await turns.run({ one: work, two: work }, choose)
    seen.add(turns.trace.map((step) => step.slice(0, 3)).join())
  })
  assert.deepEqual(explored, { count: 70, isComplete: true, interruptions: explored.interruptions }) // 8! / (4! 4!)
  assert.equal(seen.size, 70)
})

test('above its limit, exploring samples and says so', async () => {
  const explored = await explore({ limit: 9, seed: 1 }, async (choose) => {
    const turns = new Turns()
    const driver = turns.drive(new MemoryDriver())
    const work = async (): Promise<void> => {
      for (const path of ['a', 'b', 'c']) await driver.touch(path, 0).catch(() => undefined)
    }
    await turns.run({ one: work, two: work }, choose)
  })
  assert.equal(explored.isComplete, false)
  assert.equal(explored.count, 9)
})

test('a lost update is found, and a deadlock is told apart from waiting', async () => {
  let lost = 0
  await explore({ limit: 100, seed: 1 }, async (choose) => {
    const turns = new Turns()
    const driver = turns.drive(new MemoryDriver())
    let value = 0
    const add = async (): Promise<void> => {
      const before = value
      await driver.stat('x')
      value = before + 1
    }
    await turns.run({ one: add, two: add }, choose)
    if (value === 1) lost++
  })
  assert.ok(lost > 0)
  const turns = new Turns()
  await assert.rejects(
    turns.run({ one: () => new Promise(() => undefined) }, () => 0),
    DeadlockError,
  )
})
