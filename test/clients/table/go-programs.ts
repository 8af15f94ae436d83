import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../support/command.ts'
import { ROOT } from '../support/registry-server.ts'

export interface GoProgram {
  readonly name: string
  readonly module: string
  readonly version: string
}

const asked = new Map<string, Promise<string | undefined>>()

/** The path of a program, installed by `go install` once; `undefined`, and said so, where there is no Go or no way to its module proxy. */
export function findGoProgram(program: GoProgram): Promise<string | undefined> {
  const found = asked.get(program.name) ?? install(program)
  asked.set(program.name, found)
  return found
}

async function install({ name, module, version }: GoProgram): Promise<string | undefined> {
  const folder = join(ROOT, 'node_modules/.cache/lacre/go', `${name}-${version}`)
  const path = join(folder, name)
  if (await exists(path)) return path
  await mkdir(folder, { recursive: true })
  const { status, stderr } = await run('go', ['install', `${module}@${version}`], { env: { GOBIN: folder }, timeoutMs: 300_000 }).catch(absent)
  if (status === 0) return path
  console.log(`${name} is not tried: ${stderr.trim().split('\n').at(-1)}`)
  return undefined
}

function absent(error: NodeJS.ErrnoException): { status: number; stderr: string } {
  if (error.code !== 'ENOENT') throw error
  return { status: 1, stderr: 'Go is not on this machine' }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
