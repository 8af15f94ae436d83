import { chmod, chown, lstat, mkdir, open, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OnboardingError } from './onboarding-error.ts'
import type { Owner } from './steps.ts'

/** What stands at a path. */
export interface FolderState extends Owner {
  readonly kind: 'folder'
  readonly mode: number
}

export interface FileState extends Owner {
  readonly kind: 'file'
  readonly mode: number
  readonly content: Buffer
}

/** `undefined` where there is nothing. */
export type PathState = FolderState | FileState | undefined

const SIZE_LIMIT = 1024 * 1024 // bytes; what is set up here are certificates and settings

/** @throws OnboardingError for what is neither a folder nor a file of a size that settings have. */
export async function lookAtPath(path: string): Promise<PathState> {
  const about = await lstat(path).catch(ignoreMissing)
  if (!about) return undefined
  const { uid, gid } = about
  const mode = about.mode & 0o7777
  if (about.isDirectory()) return { kind: 'folder', mode, uid, gid }
  if (about.isFile() && about.size <= SIZE_LIMIT) return { kind: 'file', mode, uid, gid, content: await readFile(path) }
  const what = about.isFile() ? `a file of ${about.size} bytes` : 'neither a file nor a folder'
  throw new OnboardingError(`${path} is ${what}`, { hint: 'see what it is, and move it away if it is not needed; nothing was changed' })
}

/** Makes a path what it shall be. Readers of a file see the old or the new one, whole, also after a power cut. */
export async function placeAt(path: string, state: PathState): Promise<void> {
  if (state?.kind === 'file') await placeFile(path, state)
  else if (state) await placeFolder(path, state)
  else await rm(path, { force: true })
  await syncFolder(dirname(path))
}

/** Makes a folder and its missing parents. @returns the outermost that was made. */
export async function makeFolders(path: string): Promise<string | undefined> {
  try {
    await mkdir(path)
    return path
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return undefined
    if (code !== 'ENOENT') throw error // @NOTE the recursive mkdir says ENOENT where the file system is read-only
  }
  const outermost = await makeFolders(dirname(path))
  try {
    await mkdir(path).catch(ignoreExisting)
  } catch (error) {
    await removeEmptyFolders(dirname(path), outermost)
    throw error
  }
  return outermost ?? path
}

/** Takes back {@link makeFolders}, up to the first folder in which something else is. */
export async function removeEmptyFolders(path: string, outermost: string | undefined): Promise<void> {
  if (outermost === undefined) return
  for (let folder = path; await removeEmptyFolder(folder); folder = dirname(folder)) if (folder === outermost) return
}

/** @returns whether the folder is gone; one with something in it stays. */
export async function removeEmptyFolder(path: string): Promise<boolean> {
  try {
    await rmdir(path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return true
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
    throw error
  }
}

/** What a file that was being written when the power went may have left. */
export async function removeStaged(path: string): Promise<void> {
  await rm(stagedPath(path), { force: true })
}

function stagedPath(path: string): string {
  return `${path}.lacre-new`
}

async function placeFile(path: string, { mode, uid, gid, content }: FileState): Promise<void> {
  await removeStaged(path)
  {
    await using file = await open(stagedPath(path), 'wx', 0o600)
    await file.writeFile(content)
    const made = await file.stat()
    if (made.uid !== uid || made.gid !== gid) await file.chown(uid, gid)
    await file.chmod(mode) // whatever the umask
    await file.sync()
  }
  await rename(stagedPath(path), path)
}

async function placeFolder(path: string, { mode, uid, gid }: FolderState): Promise<void> {
  await mkdir(path, { mode: mode & 0o700 }).catch(ignoreExisting)
  const made = await lstat(path)
  if (made.uid !== uid || made.gid !== gid) await chown(path, uid, gid)
  if ((made.mode & 0o7777) !== mode) await chmod(path, mode)
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(ignoreMissing)
  if (!folder) return
  await using _ = folder
  await folder.sync()
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
}

function ignoreExisting(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'EEXIST') throw error
}
