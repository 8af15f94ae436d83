import { existsSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run } from '../support/command.ts'

/** What a program says about its version; `undefined` where it is not on this machine. */
export async function findVersionOf(program: string, args: readonly string[], pattern: RegExp): Promise<string | undefined> {
  const said = await run(program, args).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return said && pattern.exec(said.stdout)?.[1]
}

/** The first program of this name on the PATH that is not `except`. */
export function findOnPath(name: string, except: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path) && realpathSync(path) !== except)
}
