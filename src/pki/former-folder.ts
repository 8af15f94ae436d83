import { existsSync } from 'node:fs'
import { rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { authorityPaths, serverPaths } from './authority-files.ts'

/** The folder of the authority: today's, or while there is a CA only in the folder that once held it, `tls` beside, that one. */
export function findAuthorityFolder(directory: string): string {
  return isFormer(directory) ? formerOf(directory) : directory
}

/**
 * Gives the folder that once held the CA, `tls` beside today's, its new name; the old one stays as a link, since configurations may
 * name it. Nothing happens where there is a CA in today's. Interrupted, it goes on the next time: the CA is the last to move.
 */
export async function adoptFormerFolder(directory: string): Promise<void> {
  if (!isFormer(directory)) return
  const former = formerOf(directory)
  if (existsSync(directory)) await moveParts(former, directory)
  else await rename(former, directory)
  await symlink(basename(directory), former)
}

async function moveParts(former: string, directory: string): Promise<void> {
  if (existsSync(serverPaths(former).folder)) await rename(serverPaths(former).folder, serverPaths(directory).folder)
  await rename(authorityPaths(former).folder, authorityPaths(directory).folder)
  await rm(former, { recursive: true })
}

function isFormer(directory: string): boolean {
  return !existsSync(authorityPaths(directory).folder) && existsSync(authorityPaths(formerOf(directory)).certificate)
}

function formerOf(directory: string): string {
  return join(dirname(directory), 'tls')
}
