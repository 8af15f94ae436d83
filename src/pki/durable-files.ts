import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CertificateError } from './certificate-error.ts'

/** Replaces a file in one step: readers see the old one or the new one, whole, also after a power cut. */
export async function writeFileDurably(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const staged = `${path}.${randomBytes(4).toString('hex')}.new` // two may write at once
  await undoing(path, staged, async () => {
    await writeSynced(staged, content, mode)
    await rename(staged, path)
  })
  await syncFolder(dirname(path))
}

/** Makes a folder, 0700, that appears with all its files in it or not at all. There must be none of that name, or an empty one. */
export async function writeFolderDurably(path: string, files: Readonly<Record<string, { text: string; mode: number }>>): Promise<void> {
  const staged = `${path}.new`
  await rm(staged, { force: true, recursive: true })
  await undoing(path, staged, async () => {
    await makePrivateFolder(staged)
    for (const [name, { text, mode }] of Object.entries(files)) await writeSynced(join(staged, name), text, mode)
    await syncFolder(staged)
  })
  await rename(staged, path)
  await syncFolder(dirname(path))
}

export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
}

/** What is half-written when the disk is full would only keep it full. */
async function undoing(path: string, staged: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    await rm(staged, { force: true, recursive: true })
    throw ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '') ? isFull(path, error) : error
  }
}

function isFull(path: string, cause: unknown): CertificateError {
  return new CertificateError(`there is no space left for ${path}`, {
    hint: `make some, then run this command again; what was there is as it was: df ${dirname(path)}`,
    cause,
  })
}

async function writeSynced(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await using file = await open(path, 'wx', mode)
  await file.writeFile(content)
  await file.sync()
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}
