/** DER, as far as certificates and revocation lists need it: written in one call, read without a copy. ITU-T X.690, 8 and 10. */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
}

export interface DerValue {
  readonly tag: number
  readonly content: Buffer
  /** Tag, length and content. */
  readonly raw: Buffer
}

/** The value that `bytes` begins with. @throws RangeError if it is not whole. */
export function readDer(bytes: Buffer): DerValue {
  const tag = bytes.readUInt8(0)
  const first = bytes.readUInt8(1)
  if (first === 0x80) throw new RangeError('a length without end is not DER')
  const extra = first < 0x80 ? 0 : first & 0x7f
  const length = extra === 0 ? first : bytes.readUIntBE(2, extra)
  const start = 2 + extra
  if (start + length > bytes.length) throw new RangeError('the value is cut short')
  return { tag, content: bytes.subarray(start, start + length), raw: bytes.subarray(0, start + length) }
}

/** The values inside a constructed one, such as a SEQUENCE. @throws RangeError if one is not whole. */
export function readChildren({ content }: DerValue): DerValue[] {
  const children: DerValue[] = []
  for (let at = 0; at < content.length; ) {
    const child = readDer(content.subarray(at))
    children.push(child)
    at += child.raw.length
  }
  return children
}

export function encode(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), encodeLength(content.length), content])
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return encode(TAG.sequence, ...parts)
}

export function set(...parts: readonly Uint8Array[]): Buffer {
  return encode(TAG.set, ...parts)
}

/** `[number]` around other values. */
export function explicit(number: number, ...parts: readonly Uint8Array[]): Buffer {
  return encode(0xa0 | number, ...parts)
}

/** A positive integer in hexadecimal digits. */
export function integer(hex: string): Buffer {
  const digits = hex.replace(/^(?:00)+(?=..)/, '')
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex')
  return (bytes[0] ?? 0) < 0x80 ? encode(TAG.integer, bytes) : encode(TAG.integer, Buffer.of(0), bytes)
}

export function enumerated(value: number): Buffer {
  return encode(TAG.enumerated, Buffer.of(value))
}

export function octetString(...parts: readonly Uint8Array[]): Buffer {
  return encode(TAG.octetString, ...parts)
}

export function bitString(bytes: Uint8Array): Buffer {
  return encode(TAG.bitString, Buffer.of(0), bytes)
}

/** A BIT STRING of single bits, by their numbers below 8; trailing zeros are left out: X.690, 11.2.2. */
export function flags(bits: readonly number[]): Buffer {
  const byte = bits.reduce((sum, bit) => sum | (0x80 >> bit), 0)
  return encode(TAG.bitString, Buffer.of(7 - Math.max(...bits), byte))
}

export function boolean(value: boolean): Buffer {
  return encode(TAG.boolean, Buffer.of(value ? 0xff : 0))
}

export function nothing(): Buffer {
  return encode(TAG.null)
}

/** An object identifier from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return encode(TAG.oid, Buffer.from([first * 40 + second, ...rest].flatMap(baseOf128)))
}

/** The dotted form of an object identifier. */
export function readObjectIdentifier({ content }: DerValue): string {
  const numbers: number[] = []
  for (let at = 0; at < content.length; at++) {
    let number = 0
    while ((content[at] ?? 0) & 0x80) number = number * 128 + ((content[at++] ?? 0) & 0x7f)
    numbers.push(number * 128 + (content[at] ?? 0))
  }
  const [first = 0, ...rest] = numbers
  const root = Math.min(2, Math.floor(first / 40)) // the first number holds two: X.690, 8.19.4
  return [root, first - 40 * root, ...rest].join('.')
}

/** UTCTime until 2049, then GeneralizedTime: RFC 5280, 4.1.2.5. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`
  return date.getUTCFullYear() < 2050 ? encode(TAG.utcTime, Buffer.from(digits.slice(2))) : encode(TAG.time, Buffer.from(digits))
}

export function extension(oid: string, isCritical: boolean, value: Uint8Array): Buffer {
  const critical = isCritical ? [boolean(true)] : []
  return sequence(objectIdentifier(oid), ...critical, octetString(value))
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length)
  const hex = length.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return Buffer.from([0x80 | bytes.length, ...bytes])
}

function baseOf128(number: number): number[] {
  const digits = [number & 0x7f]
  for (let rest = number >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80)
  return digits
}
