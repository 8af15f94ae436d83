import { z } from 'zod'
import { findDuration, fromNanoseconds } from './duration.ts'
import { isScalar } from './tree.ts'

/** What a reader is told about a key. */
export interface KeyFacts {
  /** What it takes, as the end of "takes …". */
  readonly type: string
  readonly description: string
  /** Unit of the effective value, where the type does not say. */
  readonly unit?: 'milliseconds'
  /** Never shown; `within`: a URL, shown without its password and query, and in no error. */
  readonly secret?: true | 'within'
  /** JSON Schema's words for what may be written, as far as they reach. */
  readonly json: Readonly<Record<string, unknown>>
}

const JSON_TEXT = { type: ['string', 'number', 'boolean'] } as const // a text is taken as it is written: 0123, yes

/**
 * A key's value, from a scalar of the file or environment or, for `completeConfig`, from a plain value.
 *
 * @param read the effective value, or `undefined` if the input is none
 */
function leaf<T>(facts: KeyFacts, read: (input: unknown) => T | undefined) {
  const reader = z.unknown().transform((input, context): T => {
    const value = input === undefined ? undefined : read(input)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: input === undefined ? 'is not set' : `takes ${facts.type}${facts.secret ? '' : `, not ${show(input)}`}` })
    return z.NEVER
  })
  return reader.meta({ ...facts })
}

/** Text as it is written: `secret: 0123` is "0123". */
export function text<T extends string = string>(
  description: string,
  options: { type?: string; secret?: true | 'within'; json?: KeyFacts['json']; accept?: (value: string) => T | undefined } = {},
) {
  const { type = 'a text', accept = (value: string) => value as T, ...facts } = options
  return leaf({ type, description, json: JSON_TEXT, ...facts }, (input) => {
    const value = findText(input)
    return value === undefined ? undefined : accept(value)
  })
}

export function flag(description: string) {
  return leaf({ type: 'true or false, without quotes', description, json: { type: 'boolean' } }, (input) => {
    const value = isScalar(input) ? input.value : input
    return typeof value === 'boolean' ? value : undefined
  })
}

/** One of a few words, in any case. */
export function choice<const T extends string>(description: string, words: readonly T[]) {
  return leaf({ type: `one of ${words.join(', ')}`, description, json: { enum: words } }, (input) => {
    const value = findText(input)?.toLowerCase()
    return words.find((word) => word === value)
  })
}

/** A whole number; one below 1 means the default, as in Distribution. */
export function count(description: string, fallback: number) {
  return leaf({ type: 'a whole number', description, json: { type: 'integer' } }, (input) => {
    const value = isScalar(input) ? input.value : input
    if (!Number.isSafeInteger(value)) return undefined
    return (value as number) > 0 ? (value as number) : fallback
  }).default(fallback)
}

/**
 * Go's syntax or integer nanoseconds in the file and environment; milliseconds in the effective configuration.
 *
 * @param options.ofZero what 0 means, in milliseconds, where it means something else
 */
export function duration(description: string, options: { positive?: boolean; ofZero?: number } = {}) {
  const { positive = false, ofZero = 0 } = options
  const type = `a duration such as 10s, 1h30m or 168h${positive ? ', above zero' : ''}`
  return leaf({ type, description, unit: 'milliseconds', json: { type: ['string', 'integer'] } }, (input) => {
    const value = findMilliseconds(input)
    if (value === undefined || value < 0 || (positive && value === 0)) return undefined
    return value || ofZero
  })
}

/** A list of texts; a single text is a list of one. */
export function texts(description: string, options: { type?: string; secret?: true; accept?: (value: string) => string | undefined } = {}) {
  const { type = 'a list of texts', accept = (value: string) => value, ...facts } = options
  const json = { oneOf: [{ type: 'array', items: JSON_TEXT }, JSON_TEXT] }
  return leaf({ type, description, json, ...facts }, (input) => {
    const items = Array.isArray(input) ? input : [input]
    const values = items.map((item) => findText(item)).map((value) => (value === undefined ? undefined : accept(value)))
    return values.every((value) => value !== undefined) ? values : undefined
  })
}

function findText(input: unknown): string | undefined {
  if (typeof input === 'string') return input
  return isScalar(input) ? input.text : undefined
}

function findMilliseconds(input: unknown): number | undefined {
  if (typeof input === 'number') return input
  if (!isScalar(input)) return undefined
  return Number.isInteger(input.value) ? fromNanoseconds(input.value as number) : findDuration(input.text)
}

/** A short, one-line view of what was written instead. */
function show(input: unknown): string {
  if (Array.isArray(input)) return 'a list'
  if (isScalar(input)) return input.value === input.text ? JSON.stringify(input.text.slice(0, 60)) : input.text.slice(0, 60)
  return typeof input === 'object' ? 'a section' : JSON.stringify(input)
}
