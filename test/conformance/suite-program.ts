import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandResult, run } from '../clients/support/command.ts'
import { isInstalled } from './installed.ts'

const MODULE = 'github.com/opencontainers/distribution-spec/conformance'
const BUILD_LIMIT_MS = 120_000

/** The suite cannot be had here. The message says why. */
export class NotServedError extends Error {}

export interface SuiteProgram {
  readonly path: string
  /** The module's version, with its commit; or the commit of the folder it was built from. */
  readonly version: string
}

/**
 * Builds OCI's conformance suite, from a folder with its source or from the Go module proxy, into `target`.
 *
 * @throws NotServedError if Go is not installed, or the proxy does not serve it.
 */
export async function buildSuite(target: string, source: string | undefined): Promise<SuiteProgram> {
  if (!(await isInstalled('go', 'version'))) throw new NotServedError('Go is not installed')
  await mkdir(target, { recursive: true })
  const path = join(target, 'conformance')
  if (source) {
    const { status, stdout, stderr } = await run('go', ['build', '-o', path, '.'], { cwd: source, timeoutMs: BUILD_LIMIT_MS })
    if (status !== 0) throw new Error(`the suite in ${source} cannot be built:\n${stdout}${stderr}`)
    return { path, version: await versionOf(path, 'built from a folder, of an unknown commit') }
  }
  const reasons: string[] = []
  for (const query of ['main', 'latest']) {
    const result = await run('go', ['install', `${MODULE}@${query}`], { env: { GOBIN: target }, timeoutMs: BUILD_LIMIT_MS })
    if (result.status === 0) return { path, version: await versionOf(path, 'an unknown version') }
    reasons.push(`@${query}: ${reasonOf(result)}`)
  }
  throw new NotServedError(`the Go module proxy does not serve ${MODULE} (${reasons.join('; ')})`)
}

/** The status that the proxy answered with, else go's last line; never the proxy's address. */
function reasonOf({ stderr }: CommandResult): string {
  const status = /: (\d{3} [A-Z][A-Za-z ]+)$/m.exec(stderr)?.[1]
  return status ?? (stderr.trim().split('\n').at(-1) ?? '').replaceAll(/https?:\/\/\S+/g, '…')
}

async function versionOf(path: string, otherwise: string): Promise<string> {
  const { stdout } = await run('go', ['version', '-m', path])
  const version = /^\tmod\t\S+\t(\S+)/m.exec(stdout)?.[1]
  const commit = /\tbuild\tvcs\.revision=(\S+)/.exec(stdout)?.[1]
  return commit ?? (version && version !== '(devel)' ? version : otherwise)
}
