import { randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AccessError } from './access-error.ts'
import { lockForEditing } from './edit-lock.ts'
import { formatHtpasswd, type HtpasswdFile, parseHtpasswd } from './htpasswd-file.ts'

/** How the mode of the file changed: what was wider than its owner is closed. */
export interface EditedFile {
  readonly mode: number
  readonly modeBefore?: number
}

/** @throws AccessError `FILE_MISSING`, `FILE_INVALID`, `FILE_UNUSABLE` */
export async function readHtpasswd(path: string): Promise<HtpasswdFile> {
  try {
    return parseHtpasswd(await readFile(path))
  } catch (error) {
    throw explain(path, error)
  }
}

/**
 * Replaces the file by what `change` makes of it: no editor comes between, readers see the old file or the new one, and on return the new one is durable.
 * Its mode is 0600 (or 0640 where it was), its owner stays. A symbolic link stays one: its target is replaced.
 *
 * @throws AccessError `FILE_MISSING` unless `create`, `FILE_INVALID`, `FILE_BUSY`, `FILE_UNUSABLE`, and what `change` throws.
 */
export async function editHtpasswd(path: string, { create = false, afresh = false }, change: (file: HtpasswdFile) => HtpasswdFile): Promise<EditedFile> {
  try {
    if (create) await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const target = (await find(realpath(path))) ?? path
    await using _ = await lockForEditing(target)
    const stats = await find(stat(target))
    if (!(stats || create)) throw missing(path)
    const file = stats && !afresh ? parseHtpasswd(await readFile(target)) : { lines: [] }
    const mode = closedMode(stats)
    await replaceFile(target, formatHtpasswd(change(file)), { mode, owner: stats })
    return { mode, ...(stats && { modeBefore: stats.mode & 0o777 }) }
  } catch (error) {
    throw explain(path, error, create)
  }
}

/** @NOTE group read alone is how an administrator lets a service read the file; everything wider is Apache's default of 0644. */
function closedMode(before: Stats | undefined): number {
  return before && (before.mode & 0o077) === 0o040 ? 0o640 : 0o600
}

interface Rights {
  readonly mode: number
  readonly owner: Stats | undefined
}

async function replaceFile(path: string, bytes: Buffer, rights: Rights): Promise<void> {
  const staged = `${path}.${randomUUID()}.tmp`
  try {
    await writeDurably(staged, bytes, rights)
    await rename(staged, path)
  } catch (error) {
    await rm(staged, { force: true })
    throw error
  }
  await using folder = await open(dirname(path))
  await folder.sync()
}

async function writeDurably(path: string, bytes: Buffer, { mode, owner }: Rights): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  await file.writeFile(bytes)
  if (owner) await keepOwner(file, owner)
  await file.chmod(mode)
  await file.sync()
}

async function keepOwner(file: FileHandle, before: Stats): Promise<void> {
  const { uid, gid } = await file.stat()
  if (uid === before.uid && gid === before.gid) return
  await file.chown(before.uid, before.gid).catch((error) => {
    if (error.code !== 'EPERM') throw error // whoever may not give files away, owns what he replaces
  })
}

async function find<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function explain(path: string, error: unknown, create = false): unknown {
  if (error instanceof AccessError) {
    return error.code === 'FILE_INVALID' ? new AccessError(error.code, `${path}: ${error.message}`, { hint: error.hint, cause: error }) : error
  }
  const code = codeOf(error)
  if (code === 'ENOENT' && !create) return missing(path)
  const hint = code && HINTS[code]
  return hint ? new AccessError('FILE_UNUSABLE', `cannot use ${path}: ${(error as Error).message}`, { hint, cause: error }) : error
}

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'run the command as the owner of the file and its folder',
  EPERM: 'run the command as the owner of the file and its folder',
  EROFS: 'the file system is read-only: edit the file where it is mounted from',
  EBUSY: 'the file is mounted alone, so it cannot be replaced: mount its folder instead, or edit it where it is mounted from',
  EISDIR: 'name a file, not a folder (docker makes a folder where a file to be mounted is missing)',
  ENOENT: 'a folder on the way cannot be made',
  ENOTDIR: 'a part of the path is not a folder',
  EEXIST: 'a part of the path is not a folder',
  ENOSPC: 'make room on the disk; the file is as it was',
  EDQUOT: 'make room in the quota; the file is as it was',
}

function missing(path: string): AccessError {
  return new AccessError('FILE_MISSING', `there is no file ${path}`, { hint: `make it with "lacre user add NAME --file ${path}"` })
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
