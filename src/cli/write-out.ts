import { relative } from 'node:path'
import { type NewFile, writeFiles } from '../pki/new-files.ts'
import { asStarted } from '../volume/owner.ts'

/**
 * Writes files into the folder of a CA as its owner, and into any other as who started the command: certs.d is root's, whoever
 * the registry belongs to.
 *
 * @returns the paths.
 */
export function writeOut(directory: string, folder: string, files: readonly NewFile[]): Promise<string[]> {
  return relative(directory, folder).startsWith('..') ? asStarted(() => writeFiles(folder, files)) : writeFiles(folder, files)
}
