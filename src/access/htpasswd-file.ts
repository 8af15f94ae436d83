import { AccessError } from './access-error.ts'

/** A htpasswd file, line by line. Formatting what was parsed gives the same bytes. */
export interface HtpasswdFile {
  readonly lines: readonly HtpasswdLine[]
}

interface HtpasswdLine {
  /** The whole line with its end, one character a byte. */
  readonly bytes: string
  /** Absent on comments and blank lines. */
  readonly entry?: HtpasswdEntry
}

/** A name and whatever stands behind its colon. */
export interface HtpasswdEntry {
  readonly name: string
  readonly hash: string
}

// @NOTE only ASCII white space: a byte like A0 may belong to a letter.
const SURROUNDING_SPACE = /^[\t\n\v\f\r ]+|[\t\n\v\f\r ]+$/g

/**
 * Reads a htpasswd file as Distribution does: blank lines and lines that begin with `#` are skipped, white space around a line does not count.
 *
 * @throws AccessError `FILE_INVALID` with the number of the first line that has no colon; never with its text, which may be a password.
 * @see Distribution registry/auth/htpasswd/htpasswd.go, parseHTPasswd
 */
export function parseHtpasswd(bytes: Buffer): HtpasswdFile {
  // @NOTE latin1 keeps every byte: names in an unknown encoding survive an edit of other lines.
  const lines = bytes.toString('latin1').match(/[^\n]*\n|[^\n]+$/g) ?? []
  return { lines: lines.map(parseLine) }
}

/** The bytes of the file. */
export function formatHtpasswd(file: HtpasswdFile): Buffer {
  return Buffer.from(file.lines.map((line) => line.bytes).join(''), 'latin1')
}

/** All entries in their order. Of several with one name Distribution takes the last. */
export function listEntries(file: HtpasswdFile): HtpasswdEntry[] {
  return file.lines.flatMap((line) => line.entry ?? [])
}

/** The entries of one name, in their order. */
export function findEntries(file: HtpasswdFile, name: string): HtpasswdEntry[] {
  return listEntries(file).filter((entry) => entry.name === name)
}

/** The file with this hash for that name: in the place of each entry it has, or at the end. */
export function setEntry(file: HtpasswdFile, entry: HtpasswdEntry): HtpasswdFile {
  const isKnown = findEntries(file, entry.name).length > 0
  if (isKnown) return { lines: file.lines.map((line) => (line.entry?.name === entry.name ? makeLine(entry, endOf(line.bytes)) : line)) }
  const last = file.lines.at(-1)
  const end = last && endOf(last.bytes) === '\r\n' ? '\r\n' : '\n'
  const before = last && endOf(last.bytes) === '' ? [...file.lines.slice(0, -1), { ...last, bytes: last.bytes + end }] : file.lines
  return { lines: [...before, makeLine(entry, end)] }
}

/** The file without the entries of that name. */
export function removeEntries(file: HtpasswdFile, name: string): HtpasswdFile {
  return { lines: file.lines.filter((line) => line.entry?.name !== name) }
}

function parseLine(bytes: string, index: number): HtpasswdLine {
  const text = bytes.replace(SURROUNDING_SPACE, '')
  if (text === '' || text.startsWith('#')) return { bytes }
  const colon = text.indexOf(':')
  if (colon < 0) {
    throw new AccessError('FILE_INVALID', `line ${index + 1} has no ":" between a name and a hash`, {
      hint: 'mend or remove the line: while it is there, the whole file counts as invalid',
    })
  }
  return { bytes, entry: { name: Buffer.from(text.slice(0, colon), 'latin1').toString('utf8'), hash: text.slice(colon + 1) } }
}

function makeLine(entry: HtpasswdEntry, end: string): HtpasswdLine {
  return { bytes: `${Buffer.from(entry.name, 'utf8').toString('latin1')}:${entry.hash}${end}`, entry }
}

function endOf(bytes: string): string {
  return /\r?\n$/.exec(bytes)?.[0] ?? ''
}
