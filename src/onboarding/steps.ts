import type { JsonObject } from './merge-json.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** What a step says about any path. Without an owner, what is made belongs to who makes it, and what is there keeps its own. */
interface PathStep {
  readonly path: string
  readonly mode: number
  readonly owner?: Owner
}

/** A folder, its missing parents included (0755). One that is there keeps its mode, unless `isExact`. */
export interface FolderStep extends PathStep {
  readonly kind: 'folder'
  readonly isExact?: boolean
}

/** A file with exactly this text and mode, whatever was there. */
export interface FileStep extends PathStep {
  readonly kind: 'file'
  readonly text: string
}

/** Keys of a JSON file; all others stay. A file that is there keeps its mode and owner. */
export interface JsonStep extends PathStep {
  readonly kind: 'json'
  /** The keys to set, from what the file says now (nothing where there is none). */
  set(current: JsonObject): JsonObject
}

export interface RemovalStep {
  readonly kind: 'removal'
  readonly path: string
}

/** A program that changes what is not a file of ours. It runs without a shell. */
export interface CommandStep {
  readonly kind: 'command'
  readonly words: readonly string[]
  /** Takes it back; may run although the command itself did not. */
  readonly undo?: readonly string[]
}

/** One thing to do on a machine. Steps are data: what they come to is seen before anything is done. */
export type Step = FolderStep | FileStep | JsonStep | RemovalStep | CommandStep
