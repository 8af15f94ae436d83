import { randomBy } from '../support/choices.ts'

/** Choices that are the same for the same seed. */
export class Dice {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = randomBy(seed)
  }

  /** A whole number from 0, below `limit`. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  /** Once in `times`, on average. */
  once(times: number): boolean {
    return this.below(times) === 0
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('there is nothing to pick from')
    return item
  }
}

/** Bytes and words that parsers of text stumble over. */
const NASTY = [
  '', '\0', '\r', '\n', '\r\n', '\r\n\r\n', '\t', ' ', '  ', ':', ';', ',', '"', "'", '`', '\\', '/', '//', '/../', '%', '%00', '%2e%2e', '%2F', '%zz', '%C0%80', '?', '#', '&', '=', '{', '}', '[', ']', '<', '$',
  '$' + '{HOME}', '*', '&a', '!!', '|', '-', '--', '+', '_', '.', '..', '0', '-0', '-1', '00', '01', '0x10', '0b1', '1e9', '1_000', '9007199254740993', '18446744073709551616', '99999999999999999999999999', '1e400', 'NaN', 'null', '~',
  'true', 'yes', 'undefined', '__proto__', 'constructor', 'toString', 'sha256:', 'sha512:', 'é', '\u{1f4a9}', '\ud800', '\ufeff', '\u2028', '\x7f', '\xff', 'a'.repeat(300), 'a/'.repeat(140), '('.repeat(50), '[['.repeat(500), '('.repeat(20_000),
] // biome-ignore format: a table

export function nasty(dice: Dice): string {
  return dice.pick(NASTY)
}

/** The bytes with a few of them changed, taken away, repeated, or nasty ones put in. */
export function mutate(dice: Dice, bytes: Buffer, most = 4): Buffer {
  let mutated = bytes
  for (let rounds = 1 + dice.below(most); rounds > 0; rounds--) mutated = mutateOnce(dice, mutated)
  return mutated
}

function mutateOnce(dice: Dice, bytes: Buffer): Buffer {
  const [at, length] = [dice.below(bytes.length + 1), 1 + dice.below(dice.once(4) ? 200 : 8)]
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  const insert = (piece: Buffer, rest = after) => Buffer.concat([before, piece, rest])
  const changes: readonly (() => Buffer)[] = [
    () => insert(Buffer.from(nasty(dice), dice.once(2) ? 'latin1' : 'utf8')),
    () => insert(Buffer.from(nasty(dice)), after.subarray(length)),
    () => insert(Buffer.of(dice.below(256)), after.subarray(1)),
    () => insert(Buffer.alloc(0), after.subarray(length)),
    () => insert(after.subarray(0, length)),
    () => insert(bytes.subarray(dice.below(bytes.length + 1)).subarray(0, length)),
    () => (dice.once(8) ? before : insert(Buffer.from(nasty(dice)))),
  ]
  return dice.pick(changes)()
}
