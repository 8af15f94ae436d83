import { AccessError } from './access-error.ts'

/** The name of an account, fit to be written to a htpasswd file. */
export type AccountName = string & { readonly __brand: 'AccountName' }

const NAME_LIMIT = 255 // bytes, as in Apache's htpasswd
const ILLEGAL = /[:\p{Cc}]|^#|^\s|\s$/u

/**
 * Reads the name of an account that is to be made.
 *
 * @throws AccessError `NAME_INVALID` if it is empty, longer than 255 bytes, or would not survive in the file: a colon, control characters, a `#` or white
 * space at its start, white space at its end.
 */
export function parseAccountName(text: string): AccountName {
  const problem = findNameProblem(text)
  if (problem) throw new AccessError('NAME_INVALID', `the user name ${problem}`, { hint: 'use letters, digits, and - _ . @' })
  return text as AccountName // the only cast
}

/** The first character that a name must not hold where it stands, or `undefined`. */
export function findIllegalCharacter(text: string): string | undefined {
  return ILLEGAL.exec(text)?.[0]
}

/** What keeps `text` from being a name, as the end of a sentence; or `undefined`. */
export function findNameProblem(text: string): string | undefined {
  if (text === '') return 'is empty'
  if (Buffer.byteLength(text) > NAME_LIMIT) return `is longer than ${NAME_LIMIT} bytes`
  if (!text.isWellFormed()) return 'is not well-formed text'
  const illegal = findIllegalCharacter(text)
  return illegal && `${JSON.stringify(text)} must not hold ${JSON.stringify(illegal)} there`
}
