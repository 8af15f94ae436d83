import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurableFolders } from './durable-folders.ts'

test('the root is durable, others once they were added, and not those above or below them', () => {
  const folders = new DurableFolders()
  folders.add('a/b')
  assert.deepEqual(
    ['', 'a', 'a/b', 'a/b/c', 'b'].map((path) => folders.has(path)),
    [true, false, true, false, false],
  )
})

test('a folder that is forgotten takes all below it along, and nothing beside it', () => {
  const folders = new DurableFolders()
  for (const path of ['a', 'a/b', 'a/b/c', 'a/bc']) folders.add(path)
  folders.forget('a/b')
  assert.deepEqual(
    ['a', 'a/b', 'a/b/c', 'a/bc'].map((path) => folders.has(path)),
    [true, false, false, true],
  )
  folders.forget('nobody/knows')
  folders.forget('a')
  assert.equal(folders.has('a/bc'), false)
})

test('all are forgotten when they are too many', () => {
  const folders = new DurableFolders()
  folders.add('first')
  for (let count = 0; count <= 200_001; count++) folders.add(`folder ${count}`)
  assert.equal(folders.has('first'), false)
  assert.equal(folders.has('folder 200001'), true)
})
