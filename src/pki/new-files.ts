import { existsSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CertificateError } from './certificate-error.ts'
import { makePrivateFolder, writeFileDurably } from './durable-files.ts'

/** A file that is to be written. */
export interface NewFile {
  readonly name: string
  readonly text: string
  readonly mode: number
}

/** @throws CertificateError if one of the files is there already. */
export function refuseExisting(folder: string, names: readonly string[]): void {
  const there = names.map((name) => join(folder, name)).filter((path) => existsSync(path))
  if (there.length === 0) return
  throw new CertificateError(`${there.join(' and ')} ${there.length > 1 ? 'exist' : 'exists'} already, and nothing was changed`, {
    hint: 'to renew a certificate: lacre cert renew; to replace it: --force, which keeps what was there beside it',
  })
}

/**
 * Writes files, each in one step, into a folder that is made, 0700, where there is none. What was there is kept beside, as
 * `NAME.backup-DATE`. Durable on return.
 *
 * @returns the paths.
 */
export async function writeFiles(folder: string, files: readonly NewFile[], now = Date.now()): Promise<string[]> {
  if (!existsSync(folder)) await makePrivateFolder(folder)
  const suffix = `.backup-${new Date(now).toISOString().replace(/[-:.]/g, '')}`
  for (const { name, text, mode } of files) {
    const path = join(folder, name)
    if (existsSync(path)) await copyFile(path, path + suffix)
    await writeFileDurably(path, text, mode)
  }
  return files.map(({ name }) => join(folder, name))
}
