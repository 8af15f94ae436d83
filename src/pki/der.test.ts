import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { flags, integer, objectIdentifier, octetString, readChildren, readDer, readObjectIdentifier, sequence, time } from './der.ts'

for (const [what, made, hex] of [
  ['a small integer', integer('05'), '020105'],
  ['an integer whose first bit is set', integer('ff'), '020200ff'],
  ['an integer with zeros in front', integer('0000ab'), '020200ab'],
  ['zero', integer('00'), '020100'],
  ['an odd number of digits', integer('abc'), '02020abc'],
  ['an object identifier', objectIdentifier('1.2.840.113549.1.1.11'), '06092a864886f70d01010b'],
  ['keyCertSign and cRLSign', flags([5, 6]), '03020106'],
  ['digitalSignature', flags([0]), '03020780'],
  ['the last second of 2049', time(new Date('2049-12-31T23:59:59Z')), '170d3439313233313233353935395a'],
  ['the first second of 2050', time(new Date('2050-01-01T00:00:00Z')), '180f32303530303130313030303030305a'],
] as const) {
  test(`${what} is ${hex}`, () => assert.equal(made.toString('hex'), hex))
}

test('values of every length come back, and nothing is read beyond them', () => {
  for (const length of [0, 127, 128, 255, 256, 65_535, 65_536]) {
    const value = octetString(Buffer.alloc(length, 1))
    const [first, second, ...others] = readChildren(readDer(sequence(value, value)))
    assert.deepEqual([first?.content.length, second?.raw.equals(value), others], [length, true, []])
    assert.throws(() => readDer(value.subarray(0, -1)), RangeError)
  }
})

test('object identifiers come back', () => {
  for (const oid of ['2.5.29.17', '1.2.840.113549.1.9.14', '2.999.3', '0.9.2342.19200300.100.1.25', '1.3.6.1.4.1.11591.4.11']) {
    assert.equal(readObjectIdentifier(readDer(objectIdentifier(oid))), oid)
  }
})

test('bytes that are no DER are a RangeError, and never run for ever', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        readChildren(readDer(Buffer.from(bytes)))
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
      }
    }),
  )
})
