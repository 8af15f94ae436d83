import { createHash } from 'node:crypto'
import { chmod, link, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeFileDurably } from '../pki/durable-files.ts'
import type { Change, PathChange } from './changes.ts'
import { OnboardingError } from './onboarding-error.ts'
import { makeFolders, type PathState, removeEmptyFolders } from './path-state.ts'
import type { CommandStep } from './steps.ts'

/** What was done (or begun) on this machine in one go, with all that it takes to undo it. */
export interface Run {
  /** What it was for, for example `docker-tls install-daemon`. */
  readonly title: string
  readonly startedAt: string
  readonly pid: number
  readonly changes: readonly RecordedChange[]
  /** Whether it came to its end. */
  isDone: boolean
  /** How many of the changes were begun; counted at commands, since at a path it is seen. */
  begun: number
}

export type RecordedChange = RecordedPath | CommandStep

export interface RecordedPath extends Pick<PathChange, 'kind' | 'path' | 'keys'> {
  readonly before?: RecordedState
  /** @NOTE without its content: a copy of a new private key would outlive the key. */
  readonly after?: Omit<RecordedState, 'content'>
}

interface RecordedState {
  readonly kind: 'file' | 'folder'
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sha256?: string
  /** Base64. */
  readonly content?: string
}

/** A run and the file it is recorded in. */
export interface RunFile {
  readonly path: string
  readonly run: Run
  /** The outermost folder that was made to hold the journal. */
  readonly madeFolder?: string | undefined
}

/** Records what is about to be done. Runs are numbered files in a folder of their own, 0700. */
export async function recordRun(journal: string, title: string, changes: readonly Change[]): Promise<RunFile> {
  const madeFolder = await makeFolders(journal)
  await chmod(journal, 0o700)
  const number = Math.max(0, ...(await listNumbers(journal))) + 1
  const run: Run = { title, startedAt: new Date().toISOString(), pid: process.pid, changes: changes.map(recordChange), isDone: false, begun: 0 }
  const file: RunFile = { path: pathOf(journal, number), run, madeFolder }
  try {
    await claim(file)
  } catch (error) {
    await removeEmptyFolders(journal, madeFolder)
    throw error
  }
  return file
}

/** @throws OnboardingError if somebody else has begun a run of this number in this moment. */
async function claim(file: RunFile): Promise<void> {
  const own = `${file.path}.${process.pid}`
  try {
    await updateRun({ ...file, path: own })
    await link(own, file.path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    throw new OnboardingError(`another lacre is at work here: ${file.path}`, { hint: 'run the command again when it is done', cause })
  } finally {
    await removeWritten(own)
  }
}

export async function updateRun({ path, run, madeFolder }: RunFile): Promise<void> {
  await writeFileDurably(path, `${JSON.stringify({ ...run, madeFolder }, undefined, 1)}\n`, 0o600)
}

/** The newest run that was not undone. */
export async function findLastRun(journal: string): Promise<RunFile | undefined> {
  const number = Math.max(0, ...(await listNumbers(journal)))
  if (number === 0) return undefined
  const path = pathOf(journal, number)
  try {
    const { madeFolder, ...run } = JSON.parse(await readFile(path, 'utf8')) as Run & { madeFolder?: string }
    return { path, run, madeFolder }
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new OnboardingError(`${path} cannot be parsed`, { hint: 'it says how to undo what was done here: restore it from a backup, or remove it', cause })
  }
}

/** Forgets a run, and the folders that were made for the journal when nothing else is in them. */
export async function removeRun({ path, madeFolder }: RunFile): Promise<void> {
  await removeWritten(path)
  await removeEmptyFolders(dirname(path), madeFolder)
}

/** With what an interrupted writing may have left. */
async function removeWritten(path: string): Promise<void> {
  for (const written of [path, `${path}.new`]) await rm(written, { force: true })
}

/** What was there before, as it is put back. */
export function stateBefore({ before }: RecordedPath): PathState {
  if (!before) return undefined
  const { kind, mode, uid, gid, content = '' } = before
  return kind === 'folder' ? { kind, mode, uid, gid } : { kind, mode, uid, gid, content: Buffer.from(content, 'base64') }
}

/** Whether a path holds what the run put there. */
export function isAsLeft(state: PathState, { after }: RecordedPath): boolean {
  const digest = state?.kind === 'file' ? digestOf(state.content) : undefined
  return state?.kind === after?.kind && digest === after?.sha256
}

function recordChange(change: Change): RecordedChange {
  if (change.kind === 'command') return change
  const { kind, path, before, after, keys } = change
  return { kind, path, ...(before && { before: recordBefore(before) }), ...(after && { after: recordAfter(after) }), ...(keys && { keys }) }
}

function recordBefore(state: NonNullable<PathState>): RecordedState {
  return { ...recordAfter(state), ...(state.kind === 'file' && { content: state.content.toString('base64') }) }
}

function recordAfter(state: NonNullable<PathState>): RecordedState {
  const { kind, mode, uid, gid } = state
  return { kind, mode, uid, gid, ...(state.kind === 'file' && { sha256: digestOf(state.content) }) }
}

function digestOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

function pathOf(journal: string, number: number): string {
  return join(journal, `${String(number).padStart(4, '0')}.json`)
}

async function listNumbers(journal: string): Promise<number[]> {
  const names = await readdir(journal).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names.flatMap((name) => (/^\d{4,}\.json$/.test(name) ? [Number.parseInt(name, 10)] : []))
}
