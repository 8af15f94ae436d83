import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { DigestHash, digestAlgorithm, digestHex, digestOf, findDigest, isDigestAlgorithm, parseDigest, parseDigestAlgorithm } from './digest.ts'

const hex = (length: number): fc.Arbitrary<string> => fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
const HEX_64 = 'a'.repeat(64)

test('every well-formed digest is read, and its parts make it up again', () => {
  const parts = fc.oneof(fc.tuple(fc.constant('sha256'), hex(64)), fc.tuple(fc.constant('sha512'), hex(128)))
  fc.assert(
    fc.property(parts, ([algorithm, digits]) => {
      const digest = parseDigest(`${algorithm}:${digits}`)
      assert.equal(`${digestAlgorithm(digest)}:${digestHex(digest)}`, digest)
      assert.equal(digestHex(digest), digits)
    }),
  )
})

for (const [text, why] of [
  ['', 'nothing'],
  [HEX_64, 'no algorithm'],
  ['md5:d41d8cd98f00b204e9800998ecf8427e', 'an unknown algorithm'],
  [`sha384:${'a'.repeat(96)}`, 'an algorithm we do not compute'],
  [`SHA256:${HEX_64}`, 'an upper-case algorithm'],
  [`sha256:${'A'.repeat(64)}`, 'upper-case hex'],
  [`sha256:${'a'.repeat(63)}`, 'hex too short'],
  [`sha256:${'a'.repeat(65)}`, 'hex too long'],
  [`sha512:${HEX_64}`, 'hex of another algorithm'],
  [`sha256:${'g'.repeat(64)}`, 'letters that are not hex'],
  [`sha256:${HEX_64}\n`, 'a line break after it'],
  [` sha256:${HEX_64}`, 'a space before it'],
  [`sha256:${'../'.repeat(21)}a`, 'a path'],
  [`sha256:${'a'.repeat(63)}\0`, 'a NUL'],
] as const) {
  test(`parseDigest refuses ${why}`, () => {
    assert.throws(() => parseDigest(text), { code: 'DIGEST_INVALID', status: 400 })
    assert.equal(findDigest(text), undefined)
  })
}

test('a digest is computed the same in one piece and in many', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), fc.constantFrom('sha256' as const, 'sha512' as const), (pieces, algorithm) => {
      const running = new DigestHash(algorithm)
      for (const piece of pieces) running.update(piece)
      const whole = Buffer.concat(pieces)
      assert.equal(running.digest(), digestOf(whole, algorithm))
      assert.equal(digestOf(whole, algorithm), `${algorithm}:${createHash(algorithm).update(whole).digest('hex')}`)
    }),
  )
})

test('only algorithms that we compute are algorithms', () => {
  for (const text of ['sha256', 'sha512']) assert.equal(parseDigestAlgorithm(text), text)
  for (const text of ['md5', '', 'SHA256', 'constructor', '__proto__']) {
    assert.throws(() => parseDigestAlgorithm(text), { code: 'DIGEST_INVALID' })
    assert.equal(isDigestAlgorithm(text), false)
  }
})

test('a long wrong digest is cut in the error', () => {
  assert.throws(
    () => parseDigest('x'.repeat(100_000)),
    (error: { detail: { digest: string } }) => error.detail.digest.length === 256,
  )
})
