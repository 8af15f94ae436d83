import { diff } from 'node:util'
import type { Change, PathChange } from './changes.ts'
import type { FileState, PathState } from './path-state.ts'

const CONTEXT = 3 // lines around a change, as diff -u has them

/** A change as `--json` prints it. */
export interface ShownChange {
  readonly does: string
  readonly path?: string
  /** Lines of a unified diff; none for what is secret, for folders and for commands. */
  readonly diff?: readonly string[]
}

/** What would be done, one change after another, for people: what happens, and a unified diff. Private keys are never shown. */
export function showChanges(changes: readonly Change[]): string[] {
  if (changes.length === 0) return ['nothing to do: all is as it should be']
  return changes.flatMap((change) => {
    const { does, diff: lines = [] } = describeChange(change)
    return [does, ...lines.map((line) => `  ${line}`)]
  })
}

export function describeChange(change: Change): ShownChange {
  if (change.kind === 'command') return { does: `run ${change.words.map(quote).join(' ')}` }
  const { path, before, after } = change
  const lines = diffFiles(change)
  return { does: `${verbOf(before, after)} ${path}${describeModes(before, after)}`, path, ...(lines && { diff: lines }) }
}

/** For a shell, where it has need of it. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

function verbOf(before: PathState, after: PathState): string {
  if (!after) return 'remove'
  if (!before) return after.kind === 'folder' ? 'make folder' : 'write'
  return 'change'
}

function describeModes(before: PathState, after: PathState): string {
  if (!after) return ''
  const now = octal(after.mode)
  return before && before.mode !== after.mode ? ` (mode ${octal(before.mode)} → ${now})` : ` (mode ${now})`
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

function diffFiles({ path, before, after }: PathChange): string[] | undefined {
  const [old, now] = [before, after].map((state) => (state?.kind === 'file' ? state : undefined))
  if (!old && !now) return undefined
  if (isSecret(old) || isSecret(now)) return ['(a private key: not shown)']
  const hunks = diffTexts(textOf(old), textOf(now))
  return hunks.length === 0 ? undefined : [`--- ${old ? path : '/dev/null'}`, `+++ ${now ? path : '/dev/null'}`, ...hunks]
}

function isSecret(file: FileState | undefined): boolean {
  return file?.content.includes('PRIVATE KEY') === true
}

function textOf(file: FileState | undefined): string {
  return file?.content.toString('utf8') ?? ''
}

interface Line {
  readonly sign: '-' | '+' | ' '
  readonly text: string
  /** Numbers, from 1, of the next line on either side. */
  readonly old: number
  readonly now: number
}

/** The hunks of a unified diff. */
function diffTexts(before: string, after: string): string[] {
  const lines = compareLines(linesOf(before), linesOf(after))
  const changed = lines.flatMap(({ sign }, index) => (sign === ' ' ? [] : [index]))
  const hunks: { from: number; to: number }[] = []
  for (const index of changed) {
    const last = hunks.at(-1)
    if (last && index - CONTEXT <= last.to) last.to = index + CONTEXT + 1
    else hunks.push({ from: Math.max(0, index - CONTEXT), to: index + CONTEXT + 1 })
  }
  return hunks.flatMap(({ from, to }) => formatHunk(lines.slice(from, to)))
}

function compareLines(before: readonly string[], after: readonly string[]): Line[] {
  let [old, now] = [1, 1]
  return diff(before, after).map(([operation, text]) => {
    const sign = operation === 0 ? ' ' : operation === 1 ? '-' : '+'
    const line: Line = { sign, text, old, now }
    if (sign !== '+') old += 1
    if (sign !== '-') now += 1
    return line
  })
}

function formatHunk(lines: readonly Line[]): string[] {
  const count = (sign: Line['sign']) => lines.filter((line) => line.sign !== sign).length
  const range = (start: number, length: number) => `${length === 0 ? start - 1 : start},${length}`
  const first = lines[0]
  const header = `@@ -${range(first?.old ?? 1, count('+'))} +${range(first?.now ?? 1, count('-'))} @@`
  return [header, ...lines.map(({ sign, text }) => `${sign}${text}`)]
}

function linesOf(text: string): string[] {
  if (text === '') return []
  return text.replace(/\n$/, '').split('\n')
}
