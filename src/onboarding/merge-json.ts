import { isDeepStrictEqual } from 'node:util'
import { OnboardingError } from './onboarding-error.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** A value of a top-level key, and where both stand in the text. */
interface Member {
  readonly key: string
  readonly keyStart: number
  readonly valueStart: number
  readonly valueEnd: number
}

/**
 * Reads a JSON file that holds one object; nothing, or nothing but white space, is an empty one.
 *
 * @throws OnboardingError that names the file, if it is no JSON or no object.
 */
export function parseJsonObject(text: string, path: string): JsonObject {
  const json = withoutMark(text)
  if (json.trim() === '') return {}
  const value = parseOr(json, path)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw new OnboardingError(`${path} holds no JSON object`, { hint: 'it should begin with { and end with }; nothing was changed' })
}

/**
 * Sets keys of a JSON file, and takes out those whose value is `undefined`. Everything else stays as it is written: order, indentation,
 * numbers, line ends.
 */
export function setJsonKeys(text: string, keys: JsonObject, path: string): string {
  const before = parseJsonObject(text, path)
  const after = Object.fromEntries(Object.entries({ ...before, ...keys }).filter(([, value]) => value !== undefined))
  if (isDeepStrictEqual(before, after)) return text
  if (Object.keys(before).length === 0) return `${JSON.stringify(after, undefined, indentOf(text))}\n`
  const merged = Object.entries(keys).reduce((result, [key, value]) => setKey(result, key, value), text)
  // @NOTE a key that stands there twice is more than this can edit in place
  return isDeepStrictEqual(parseJsonObject(merged, path), after) ? merged : `${JSON.stringify(after, undefined, indentOf(text))}\n`
}

function setKey(text: string, key: string, value: unknown): string {
  const members = findMembers(text)
  const at = members.findIndex((member) => member.key === key)
  const member = members[at]
  if (value === undefined) return member ? removeMember(text, members, at) : text
  const written = writeValue(text, value)
  if (member) return isSame(text, member, value) ? text : text.slice(0, member.valueStart) + written + text.slice(member.valueEnd)
  return addMember(text, members, `${JSON.stringify(key)}: ${written}`)
}

function isSame(text: string, { valueStart, valueEnd }: Member, value: unknown): boolean {
  return isDeepStrictEqual(JSON.parse(text.slice(valueStart, valueEnd)), value)
}

/** After the last member, with what separates it from the one before (or from the brace). */
function addMember(text: string, members: readonly Member[], written: string): string {
  const last = members.at(-1)
  if (!last) return text.replace('{', `{ ${written} `)
  const beforeKey = /[,{](\s*)$/.exec(text.slice(0, last.keyStart))?.[1] ?? ' '
  return `${text.slice(0, last.valueEnd)},${beforeKey || ' '}${written}${text.slice(last.valueEnd)}`
}

/** With the comma that parted it from its neighbour. */
function removeMember(text: string, members: readonly Member[], at: number): string {
  const [previous, member, next] = [members[at - 1], members[at], members[at + 1]]
  if (!member) return text
  if (next) return text.slice(0, member.keyStart) + text.slice(next.keyStart)
  return text.slice(0, previous?.valueEnd ?? member.keyStart) + text.slice(member.valueEnd)
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g
const NESTING: Readonly<Record<string, number>> = { '{': 1, '[': 1, '}': -1, ']': -1 }

/** The top-level members of a text that is known to be a JSON object. */
function findMembers(text: string): Member[] {
  const members: Member[] = []
  let depth = 0
  let [key, keyStart, isValue] = ['', 0, false]
  for (const { 0: word, index } of text.matchAll(TOKEN)) {
    const end = index + word.length
    const isTop = depth === 1
    depth += NESTING[word] ?? 0
    const last = members.at(-1)
    if (isTop && (word === ',' || depth === 0)) isValue = false
    else if (isTop && word === ':') isValue = true
    else if (isValue && last?.keyStart === keyStart) members[members.length - 1] = { ...last, valueEnd: end }
    else if (isValue) members.push({ key, keyStart, valueStart: index, valueEnd: end })
    else if (isTop) [key, keyStart] = [JSON.parse(word) as string, index]
  }
  return members
}

/** In the way the file is written: on one line, or with its indentation and line ends. */
function writeValue(text: string, value: unknown): string {
  const indent = indentOf(text)
  if (indent === '' || !Array.isArray(value)) return JSON.stringify(value, undefined, indent).replaceAll('\n', `${lineEndOf(text)}${indent}`)
  return `[${value.map((item) => JSON.stringify(item)).join(', ')}]`
}

function indentOf(text: string): string {
  if (text.trim() === '') return '  '
  return /^[\s\uFEFF]*\{\r?\n([ \t]+)/.exec(text)?.[1] ?? ''
}

function lineEndOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n'
}

/** dockerd, too, reads on after a byte order mark. */
function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}

function parseOr(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const why = (cause as Error).message.replace(/, (?:\.\.\.)?".*$/s, '') // the rest quotes the file, which may hold a password
    const isCurly = /[“”„‘’]/.test(text)
    throw new OnboardingError(`${path} is not valid JSON: ${why}`, {
      hint: isCurly ? 'it holds curly quotes (“ ”), as web pages give them: make them straight ("); nothing was changed' : 'mend it first; nothing was changed',
    })
  }
}
