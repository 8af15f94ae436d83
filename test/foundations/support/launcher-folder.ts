import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { arch } from 'node:os'
import { dirname, join } from 'node:path'
import { checkout } from './planted-project.ts'

/** What `main.ts` prints in these tests: how it was started. */
export interface Started {
  readonly args: readonly string[]
  readonly node: string
  readonly threads: string | undefined
  readonly cwd: string
}

const program = `console.log(JSON.stringify({
  args: process.argv.slice(2), node: process.execPath, threads: process.env.UV_THREADPOOL_SIZE, cwd: process.cwd(),
}))\n`

/** Lays out a copy of lacre whose program only says how it was started: a checkout (`src/main.ts`) or a package (`dist/main.js`). */
export async function layOut(folder: string, main: 'src/main.ts' | 'dist/main.js'): Promise<void> {
  await mkdir(join(folder, 'bin'), { recursive: true })
  for (const file of ['lacre', 'bin/lacre', 'bin/registry', 'bin/htpasswd', 'bin/launch.sh']) await copyFile(join(checkout, file), join(folder, file))
  await mkdir(dirname(join(folder, main)))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n')
  await writeFile(join(folder, main), program)
}

/** The place of the pinned Node in a folder of dependencies. */
export function pinnedNode(dependencies: string): string {
  return join(dependencies, `node-linux-${arch()}`, 'bin', 'node')
}

/** Makes `path` this very Node. */
export async function linkNode(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await symlink(process.execPath, path)
}

/** Makes `path` a program that runs these lines of shell. */
export async function writeProgram(path: string, lines: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `#!/bin/sh\n${lines}\n`)
  await chmod(path, 0o755)
}

/** A folder for PATH with what the launchers need, and no Node. */
export async function layOutPath(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const tool of ['sh', 'dirname', 'readlink', 'uname', 'cat', 'cmp', 'cp', 'find', 'mkdir', 'sync']) await linkTool(folder, tool)
}

async function linkTool(folder: string, tool: string): Promise<void> {
  const places = (process.env['PATH'] ?? '').split(':').map((place) => join(place, tool))
  await symlink(places.find((place) => existsSync(place)) ?? tool, join(folder, tool))
}
