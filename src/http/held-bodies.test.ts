import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { HeldBodies } from './held-bodies.ts'

const KiB = 1024

test('a body in pieces of one byte is whole, in memory of its own size', () => {
  const bodies = new HeldBodies(64 * KiB)
  using held = bodies.hold(new PassThrough())
  for (let byte = 0; byte < 20 * KiB; byte++) held.append(Buffer.of(byte & 0xff))
  assert.deepEqual(held.bytes, Buffer.from(Array.from({ length: 20 * KiB }, (_, byte) => byte & 0xff)))
  assert.equal(held.bytes.buffer.byteLength, 32 * KiB)
})

test('past the limit the body that came first is given up, and the others are not', () => {
  const bodies = new HeldBodies(64 * KiB)
  const [first, second, third] = [new PassThrough(), new PassThrough(), new PassThrough()].map((stream) => stream.on('error', () => undefined))
  assert.ok(first && second && third)
  bodies.hold(first).append(Buffer.alloc(32 * KiB))
  bodies.hold(second).append(Buffer.alloc(16 * KiB))
  bodies.hold(third).append(Buffer.alloc(32 * KiB))
  assert.deepEqual(
    [first, second, third].map(({ destroyed }) => destroyed),
    [true, false, false],
  )
  assert.equal((first.errored as Error & { code?: string }).code, 'TOOMANYREQUESTS')
})

test('a body that is done gives its memory back', () => {
  const bodies = new HeldBodies(64 * KiB)
  const streams = Array.from({ length: 8 }, () => new PassThrough())
  for (const stream of streams) {
    using held = bodies.hold(stream)
    held.append(Buffer.alloc(64 * KiB))
  }
  assert.ok(streams.every(({ destroyed }) => !destroyed))
})
