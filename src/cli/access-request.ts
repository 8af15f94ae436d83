import { type AccessOperation, runAccessOperation } from '../access/operations.ts'
import { loadConfig } from '../config/load.ts'
import { deskOf, deskWithoutConfiguration, openPolicyBook } from '../grants.ts'
import { askOrWork } from './admin-client.ts'
import type { VolumeOptions } from './volume.ts'

/** Asks the server of a volume about who may do what, or does it here where nobody serves the volume. */
export async function askAccess(options: VolumeOptions, name: AccessOperation, parameters: Readonly<Record<string, unknown>>): Promise<unknown> {
  const { root, htpasswd } = await locateUsers(options)
  const work = async (): Promise<unknown> => {
    using book = openPolicyBook(root)
    const desk = options.config === undefined ? deskWithoutConfiguration(book, root) : deskOf(book, htpasswd)
    return await runAccessOperation(desk, name, parameters)
  }
  return askOrWork({ root, name, parameters, onLine: () => undefined }, work)
}

async function locateUsers({ data, config }: VolumeOptions): Promise<{ root: string; htpasswd?: string | undefined }> {
  if (config === undefined) return { root: data }
  const loaded = await loadConfig(config ? { path: config } : {})
  return { root: loaded.config.storage.filesystem.rootdirectory, htpasswd: loaded.config.auth.htpasswd?.path }
}

/** Prints one JSON document, or lines for people, and notes beside them. */
export function printAnswer({ json }: VolumeOptions, answer: unknown, lines: readonly string[]): void {
  const { notes = [] } = answer as { notes?: readonly string[] }
  if (!json) for (const note of notes) process.stderr.write(`note: ${note}\n`)
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : lines.map((line) => `${line}\n`).join(''))
}
