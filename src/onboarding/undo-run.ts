import { isDeepStrictEqual } from 'node:util'
import { hasSameContent, isSame } from './changes.ts'
import { isAsLeft, type RecordedChange, type RecordedPath, type RunFile, removeRun, stateBefore } from './journal.ts'
import { type JsonObject, parseJsonObject, setJsonKeys } from './merge-json.ts'
import { type FileState, lookAtPath, type PathState, placeAt, removeEmptyFolder, removeStaged } from './path-state.ts'
import { runCommand } from './run-command.ts'
import type { CommandStep } from './steps.ts'

/** What became of an undoing. */
export interface Undone {
  readonly title: string
  readonly startedAt: string
  /** Paths and commands that were taken back. */
  readonly restored: readonly string[]
  /** What stays as it is, because somebody has changed it since. */
  readonly left: readonly { readonly what: string; readonly why: string }[]
}

type Outcome = 'unchanged' | 'restored' | { readonly why: string }

/**
 * Puts back what was there before a run, last change first, and forgets the run. What somebody has changed since stays; of a JSON file the
 * run's own keys are taken out then. Killed in the middle, it can be run again.
 */
export async function undoRun(file: RunFile): Promise<Undone> {
  const { changes, title, startedAt } = file.run
  const outcomes: { what: string; outcome: Outcome; change: RecordedChange }[] = []
  for (const [index, change] of [...changes.entries()].reverse()) {
    const what = change.kind === 'path' ? change.path : change.words.join(' ')
    outcomes.push({ what, outcome: change.kind === 'path' ? await undoPath(change) : await undoCommand(change, wasBegun(file, index)), change })
  }
  await removeRun(file)
  for (const entry of outcomes) if (isFolderLeft(entry)) entry.outcome = await undoPath(entry.change as RecordedPath) // the journal was in it
  return {
    title,
    startedAt,
    restored: outcomes.filter(({ outcome }) => outcome === 'restored').map(({ what }) => what),
    left: outcomes.flatMap(({ what, outcome }) => (typeof outcome === 'object' ? [{ what, why: outcome.why }] : [])),
  }
}

function isFolderLeft({ change, outcome }: { change: RecordedChange; outcome: Outcome }): boolean {
  return typeof outcome === 'object' && change.kind === 'path' && change.after?.kind === 'folder'
}

/** `begun` counts commands. */
function wasBegun({ run }: RunFile, index: number): boolean {
  return run.changes.slice(0, index).filter(({ kind }) => kind === 'command').length < run.begun
}

async function undoPath(change: RecordedPath): Promise<Outcome> {
  const { path } = change
  await removeStaged(path)
  const [now, before] = [await lookAtPath(path), stateBefore(change)]
  if (isSame(now, before)) return 'unchanged'
  if (!before && now?.kind === 'folder') return (await removeEmptyFolder(path)) ? 'restored' : { why: 'other things are in it now' }
  if (isAsLeft(now, change) || hasSameContent(now, before)) {
    await placeAt(path, before)
    return 'restored'
  }
  return change.keys && now?.kind === 'file' ? await undoKeys(path, now, change.keys) : { why: 'somebody has changed it since' }
}

/** Of a file that others have edited since: what the run set and is still so gets its old value. */
async function undoKeys(path: string, now: FileState, { before, after }: { before: JsonObject; after: JsonObject }): Promise<Outcome> {
  try {
    const text = now.content.toString('utf8')
    const current = parseJsonObject(text, path)
    const ours = Object.keys(after).filter((key) => isDeepStrictEqual(current[key], after[key]))
    const restored: PathState = { ...now, content: Buffer.from(setJsonKeys(text, Object.fromEntries(ours.map((key) => [key, before[key]])), path)) }
    await placeAt(path, restored)
    const others = Object.keys(after).filter((key) => !ours.includes(key))
    return others.length === 0 ? 'restored' : { why: `somebody has changed ${others.join(', ')} since; the rest is as it was` }
  } catch (error) {
    return { why: (error as Error).message }
  }
}

async function undoCommand({ undo }: CommandStep, wasRun: boolean): Promise<Outcome> {
  if (!undo || !wasRun) return 'unchanged'
  try {
    await runCommand(undo)
    return 'restored'
  } catch (error) {
    return { why: (error as Error).message }
  }
}
