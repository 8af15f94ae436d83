import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { KeyedMutex } from './mutex.ts'

test('who asks first for a key goes first, one at a time', async () => {
  const mutex = new KeyedMutex()
  const trace: string[] = []
  const work = (name: string) =>
    mutex.run('key', async () => {
      trace.push(`${name} begins`)
      await nextTurn()
      trace.push(`${name} ends`)
    })
  await Promise.all([work('a'), work('b'), work('c')])
  assert.deepEqual(trace, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
})

test('keys do not wait for one another', async () => {
  const mutex = new KeyedMutex()
  const first = Promise.withResolvers<void>()
  const held = mutex.run('a', () => first.promise)
  assert.equal(await mutex.run('b', async () => 'done'), 'done')
  first.resolve()
  await held
})

test('what fails passes its error on and lets the next go', async () => {
  const mutex = new KeyedMutex()
  const failed = mutex.run('key', async () => {
    throw new Error('no')
  })
  const next = mutex.run('key', async () => 'yes')
  await assert.rejects(failed, { message: 'no' })
  assert.equal(await next, 'yes')
})

test('a key that nobody wants any more leaves nothing behind', async () => {
  const mutex = new KeyedMutex()
  const working = Array.from({ length: 20 }, (_, index) => mutex.run(`key ${index % 3}`, nextTurn))
  assert.equal(mutex.size, 3)
  await Promise.all(working)
  assert.equal(mutex.size, 0)
})
