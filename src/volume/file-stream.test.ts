import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { FileStream } from './file-stream.ts'

const MiB = 1024 * 1024
const bytes = randomBytes(5 * MiB + 17)
let folder: string
let path: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-file-stream-'))
  path = join(folder, 'file')
  await writeFile(path, bytes)
})
after(() => rm(folder, { recursive: true }))

test('a stream gives all the bytes when no chunk is given back', async () => {
  assert.ok((await buffer(await FileStream.over(await open(path)))).equals(bytes))
})

test('a chunk that is given back is read into again, and only then', async () => {
  const copies: Buffer[] = []
  const chunks = new Set<ArrayBufferLike>()
  const stream = await FileStream.over(await open(path))
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    await new Promise(setImmediate) // the next read may be under way
    copies.push(Buffer.from(chunk))
    chunks.add(chunk.buffer)
    stream.recycle(chunk)
  }
  assert.ok(Buffer.concat(copies).equals(bytes))
  assert.ok(chunks.size <= 3, `${chunks.size} chunks: two in turns, and a short one at the end`)
})

test('a chunk that is given back serves the next stream, of which it shows no byte too many', async () => {
  const middle = join(folder, 'middle')
  await writeFile(middle, bytes.subarray(0, MiB / 2))
  const seen = new Set<ArrayBufferLike>()
  for (let turn = 0; turn < 3; turn++) {
    const stream = await FileStream.over(await open(middle))
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      assert.ok(chunk.equals(bytes.subarray(0, MiB / 2)))
      seen.add(chunk.buffer)
      stream.recycle(chunk)
    }
  }
  assert.equal(seen.size, 1)
})

for (const [first, last] of [
  [0, 0],
  [MiB - 1, MiB],
  [3, 4 * MiB + 5],
  [5 * MiB, 5 * MiB + 16],
] as const) {
  test(`the range ${first}-${last} has both its ends`, async () => {
    assert.ok((await buffer(await FileStream.over(await open(path), { first, last }))).equals(bytes.subarray(first, last + 1)))
  })
}

test('an empty file has no bytes', async () => {
  await writeFile(join(folder, 'empty'), '')
  assert.equal((await buffer(await FileStream.over(await open(join(folder, 'empty'))))).length, 0)
})

test('a stream that is left early closes its file', async () => {
  const handle = await open(path)
  const stream = await FileStream.over(handle)
  const closed = new Promise((resolve) => stream.once('close', resolve))
  for await (const _chunk of stream) break
  await closed
  assert.equal(handle.fd, -1)
})

test('many streams at a time hold small chunks, and the next ones large ones again', async () => {
  const streams = await Promise.all(Array.from({ length: 40 }, async () => FileStream.over(await open(path))))
  const sizes = await Promise.all(streams.map(async (stream) => ((await stream[Symbol.asyncIterator]().next()).value as Buffer).length))
  assert.deepEqual(
    Map.groupBy(sizes, (size) => size)
      .keys()
      .toArray(),
    [MiB, MiB / 16],
  )
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 33 * MiB)
  await Promise.all(streams.map((stream) => new Promise((closed) => stream.once('close', closed).destroy())))
  const next = await FileStream.over(await open(path))
  for await (const chunk of next as AsyncIterable<Buffer>) {
    assert.equal(chunk.length, MiB)
    break
  }
})

test('forty streams at a time give all the bytes', async () => {
  const streams = await Promise.all(Array.from({ length: 40 }, async () => FileStream.over(await open(path))))
  for (const stream of streams) assert.ok((await buffer(stream)).equals(bytes))
})
