/** Runs a suite: the test files under its folders, or under the folders and files that the arguments name. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve, sep } from 'node:path'

const suites = {
  'self-contained': {
    folders: ['src', 'test'],
    except: ['test/clients', 'test/faults-long', 'test/network'],
    concurrency: Math.max(2, availableParallelism()),
    limitSeconds: 560, // meant to be below 120; a slow machine may take its time
  },
  clients: { folders: ['test/clients'], except: [], concurrency: 1, limitSeconds: 2100 }, // they share ports, trust stores and a docker daemon
  network: { folders: ['test/network'], except: [], concurrency: 1, limitSeconds: 840 }, // they measure memory
  'faults-long': { folders: ['test/faults-long'], except: [], concurrency: 1, limitSeconds: 1500 },
} as const

const [name = '', ...words] = process.argv.slice(2)
if (!Object.hasOwn(suites, name)) throw new Error(`no suite is called ${name}`)
const suite = suites[name as keyof typeof suites]

const options = words.filter((word) => word.startsWith('-')) // node's own, such as --test-name-pattern=upload
const chosen = words.filter((word) => !word.startsWith('-'))
const missing = chosen.filter((place) => !existsSync(place))
const files = chosen.length > 0 ? chosen.flatMap(testFiles) : suite.folders.flatMap(testFiles).filter((file) => !isExcepted(file))

if (missing.length > 0) fail(`there is no ${missing.join(', ')}`)
else if (files.length > 0) run(files)
else if (chosen.length > 0) fail(`no tests in ${chosen.join(', ')}`)
else console.log(`no tests yet in ${suite.folders.join(', ')}`)

/** A folder that is not there has no tests yet. */
function testFiles(place: string): string[] {
  if (!existsSync(place)) return []
  if (statSync(place).isFile()) return [place]
  const found = globSync('**/*.test.ts', { cwd: place }).map((file) => join(place, file))
  return found.sort()
}

function isExcepted(file: string): boolean {
  return suite.except.some((folder) => file.startsWith(join(folder, sep)))
}

function run(files: string[]): void {
  // Each file is a process of its own; what is compiled once is kept for the others and the next time.
  const env = { NODE_COMPILE_CACHE: resolve('node_modules', '.cache', 'lacre'), ...process.env }
  const args = ['--test', `--test-concurrency=${suite.concurrency}`, ...options, ...files]
  const child = spawn(process.execPath, args, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  const limit = setTimeout(() => stop(child), suite.limitSeconds * 1000)
  child.on('exit', (code) => {
    clearTimeout(limit)
    process.exitCode = code ?? 1
  })
}

/** Interrupted, the test runner names what still runs, ends it (a loop without an end too), and fails. */
function stop(child: ChildProcess): void {
  console.error(`the suite has run for ${suite.limitSeconds} seconds: it is interrupted`)
  child.kill('SIGINT')
  setTimeout(() => child.kill('SIGKILL'), 10_000).unref()
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}
