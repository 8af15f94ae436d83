import { randomInt } from 'node:crypto'
import { AccessError } from './access-error.ts'

/** A password fit to be stored: not empty, 72 bytes at most, no control characters. */
export type NewPassword = string & { readonly __brand: 'NewPassword' }

/** How many doublings of work a bcrypt hash costs. */
export type BcryptCost = number & { readonly __brand: 'BcryptCost' }

export const DEFAULT_COST = 10 as BcryptCost // about 50 ms a compare; OWASP Password Storage Cheat Sheet: 10 or more
/** What Apache's htpasswd takes for `-C`. */
export const COST_RANGE = { least: 4, most: 17 } as const
export const PASSWORD_LIMIT = 72 // bytes; bcrypt ignores what follows

const CONTROL = /\p{Cc}/u
// 31 characters, none of which is taken for another (no 0 o 1 i l): 28 of them are 138 bits.
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789'
const GROUPS = 4
const GROUP_LENGTH = 7

/**
 * Reads a password that is to be stored.
 *
 * @throws AccessError `PASSWORD_EMPTY`, `PASSWORD_TOO_LONG` (bcrypt would ignore what follows 72 bytes), or `PASSWORD_INVALID` for control characters,
 * which HTTP's Basic scheme does not allow.
 */
export function parseNewPassword(text: string): NewPassword {
  if (text === '') throw new AccessError('PASSWORD_EMPTY', 'the password is empty', { hint: 'give one, or let lacre make it with --generate' })
  if (Buffer.byteLength(text) > PASSWORD_LIMIT) {
    throw new AccessError('PASSWORD_TOO_LONG', `the password is longer than ${PASSWORD_LIMIT} bytes`, {
      hint: `choose one of at most ${PASSWORD_LIMIT} bytes: bcrypt ignores what follows`,
    })
  }
  if (CONTROL.test(text) || !text.isWellFormed()) {
    throw new AccessError('PASSWORD_INVALID', 'the password holds a control character or broken text', { hint: 'HTTP cannot send it: choose another' })
  }
  return text as NewPassword // the only cast but that of generatePassword
}

/** Reads a bcrypt cost, 4 to 17. @throws AccessError `COST_INVALID` */
export function parseCost(text: string): BcryptCost {
  const cost = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
  if (cost >= COST_RANGE.least && cost <= COST_RANGE.most) return cost as BcryptCost
  throw new AccessError('COST_INVALID', `"${text}" is not a bcrypt cost`, {
    hint: `use a number from ${COST_RANGE.least} to ${COST_RANGE.most}; each step doubles the work`,
  })
}

/** A new random password of more than 128 bits, in groups that can be read aloud: `x7kfq2m-…`. `random(n)` gives a whole number below n. */
export function generatePassword(random: (below: number) => number = randomInt): NewPassword {
  const groups = Array.from({ length: GROUPS }, () => Array.from({ length: GROUP_LENGTH }, () => ALPHABET[random(ALPHABET.length)]).join(''))
  return groups.join('-') as NewPassword
}
