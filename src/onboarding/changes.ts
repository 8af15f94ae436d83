import { lstat, realpath } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type JsonObject, parseJsonObject, setJsonKeys } from './merge-json.ts'
import { explainFailure, OnboardingError } from './onboarding-error.ts'
import { type FileState, lookAtPath, type PathState } from './path-state.ts'
import type { CommandStep, FileStep, FolderStep, JsonStep, Owner, Step } from './steps.ts'

/** What a step comes to on this machine. */
export type Change = PathChange | CommandStep

export interface PathChange {
  readonly kind: 'path'
  readonly path: string
  readonly before: PathState
  readonly after: PathState
  /** Of a JSON file: the keys that are set, with what they were (absent: not there). */
  readonly keys?: { readonly before: JsonObject; readonly after: JsonObject }
}

/** What stands at paths, or will when the changes so far are made. */
type Sight = Map<string, PathState>

/**
 * What the steps come to here, in order; what is already as it should be is left out. Writes nothing. A symbolic link is followed: what it
 * points to is changed.
 *
 * @throws OnboardingError where a step cannot be done: a folder in the place of a file, a file that is not JSON.
 */
export async function findChanges(steps: readonly Step[]): Promise<Change[]> {
  const sight: Sight = new Map()
  const changes: Change[] = []
  for (const step of steps) {
    if (step.kind === 'command') changes.push(step)
    else changes.push(...(await findPathChanges(step, sight)))
  }
  return changes
}

type PathStep = Exclude<Step, CommandStep>

async function findPathChanges(step: PathStep, sight: Sight): Promise<PathChange[]> {
  const path = await followLink(resolve(step.path))
  const folders = step.kind === 'removal' ? [] : await findMissingFolders(dirname(path), sight)
  const before = await look(path, sight)
  const { after, keys } = describeResult(step, path, before)
  sight.set(path, after)
  return isSame(before, after) ? folders : [...folders, { kind: 'path', path, before, after, ...(keys && { keys }) }]
}

async function followLink(path: string): Promise<string> {
  try {
    return (await isLink(path)) ? await realpath(path) : path
  } catch (cause) {
    throw new OnboardingError(`${path} is a symbolic link to nothing`, { hint: 'remove it, or make what it points to; nothing was changed', cause })
  }
}

async function isLink(path: string): Promise<boolean> {
  const about = await lstat(path).catch(() => undefined)
  return about?.isSymbolicLink() === true
}

/** The folders that must be made first, from the outermost. */
async function findMissingFolders(path: string, sight: Sight): Promise<PathChange[]> {
  const state = await look(await followLink(path), sight)
  if (state?.kind === 'folder') return []
  if (state) throw new OnboardingError(`${path} is a file, and a folder is needed there`, { hint: 'move the file away; nothing was changed' })
  const outer = await findMissingFolders(dirname(path), sight)
  const after: PathState = { kind: 'folder', mode: 0o755, ...ourselves() }
  sight.set(path, after)
  return [...outer, { kind: 'path', path, before: undefined, after }]
}

async function look(path: string, sight: Sight): Promise<PathState> {
  if (sight.has(path)) return sight.get(path)
  return await lookAtPath(path).catch((error: unknown) => {
    throw explainFailure(error, path)
  })
}

interface Result {
  readonly after: PathState
  readonly keys?: { readonly before: JsonObject; readonly after: JsonObject }
}

function describeResult(step: PathStep, path: string, before: PathState): Result {
  if (step.kind === 'folder') return { after: describeFolder(step, path, before) }
  if (before?.kind === 'folder') throw new OnboardingError(`${path} is a folder, and a file is meant`, { hint: 'move the folder away; nothing was changed' })
  if (step.kind === 'removal') return { after: undefined }
  if (step.kind === 'file') return { after: describeFile(step, before, step.text) }
  const text = before?.content.toString('utf8') ?? ''
  const current = parseJsonObject(text, path)
  const keys = step.set(current)
  const was = Object.fromEntries(Object.keys(keys).flatMap((key) => (Object.hasOwn(current, key) ? [[key, current[key]]] : [])))
  const mode = before?.mode ?? step.mode
  return { after: { ...describeFile(step, before, setJsonKeys(text, keys, path)), mode }, keys: { before: was, after: keys } }
}

function describeFolder({ mode, owner, isExact }: FolderStep, path: string, before: PathState): PathState {
  if (before?.kind === 'file') throw new OnboardingError(`${path} is a file, and a folder is meant`, { hint: 'move the file away; nothing was changed' })
  if (before && !isExact) return before
  return { kind: 'folder', mode, ...ownerOf(before), ...owner }
}

function describeFile({ mode, owner }: FileStep | JsonStep, before: PathState, text: string): FileState {
  return { kind: 'file', mode, ...ownerOf(before), ...owner, content: Buffer.from(text) }
}

function ownerOf(before: PathState): Owner {
  return before ? { uid: before.uid, gid: before.gid } : ourselves()
}

function ourselves(): Owner {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 }
}

/** Whether a path is as it should be. */
export function isSame(a: PathState, b: PathState): boolean {
  if (a === undefined || b === undefined) return a === b
  return hasSameContent(a, b) && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid
}

/** Whether nobody has changed what a path holds. */
export function hasSameContent(a: PathState, b: PathState): boolean {
  if (a?.kind === 'file' && b?.kind === 'file') return a.content.equals(b.content)
  return a?.kind === b?.kind
}
