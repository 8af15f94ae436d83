import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Whether a program is there and tells its version. */
export async function isInstalled(program: string, argument = '--version'): Promise<boolean> {
  return (await findVersion(program, argument)) !== undefined
}

/** What a program says of its version, or `undefined` when it is not there. */
export async function findVersion(program: string, argument = '--version'): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(program, [argument])
    return stdout.trim()
  } catch {
    return undefined // it could not be started, or does not know its version
  }
}
