/** Runs the checks, all or those named by the arguments; prints a line each, and what those that fail have to say. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

type Command = readonly [tool: string, ...args: string[]]

/** Each check passes when all its commands do. The tools are JavaScript, and run with this very Node. */
const checks: Readonly<Record<string, readonly Command[]>> = {
  types: [['node_modules/typescript/bin/tsc']],
  lint: [['node_modules/@biomejs/biome/bin/biome', 'lint', '--error-on-warnings', '--max-diagnostics=100', '--colors=off'], ['scripts/check-promises.ts']],
  imports: [['scripts/check-imports.ts']],
  // What only tests use is dead too: production mode leaves the tests out. (Programs like openssl are none of knip's business.)
  exports: [
    ['node_modules/knip/bin/knip.js', '--no-progress', '--no-config-hints', '--exclude=binaries', '--production'],
    ['node_modules/knip/bin/knip.js', '--no-progress', '--no-config-hints', '--exclude=binaries'],
  ],
  format: [['node_modules/@biomejs/biome/bin/biome', 'check', '--linter-enabled=false', '--max-diagnostics=20', '--colors=off']],
}

interface Outcome {
  readonly passed: boolean
  readonly output: string
}

const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => !Object.hasOwn(checks, name))
if (unknown.length > 0) throw new Error(`no check is called ${unknown.join(', ')}: there are ${Object.keys(checks).join(', ')}`)

const names = Object.keys(checks).filter((name) => chosen.length === 0 || chosen.includes(name))
const results = names.map((name) => ({ name, outcomes: Promise.all((checks[name] ?? []).map(runCommand)) })) // all at once
for (const { name, outcomes } of results) {
  const failures = (await outcomes).filter(({ passed }) => !passed)
  console.log(`${name.padEnd(8)} ${failures.length === 0 ? 'ok' : 'FAILED'}`)
  for (const { output } of failures) console.log(output.replace(/^(?=.)/gm, '  '))
  if (failures.length > 0) process.exitCode = 1
}

async function runCommand(command: Command): Promise<Outcome> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...command], { maxBuffer: 64 * 1024 * 1024 })
    return { passed: true, output: stdout + stderr }
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string }
    const output = (stdout + stderr).replace(/^context canceled\n/gm, '') // the compiler's farewell
    return { passed: false, output: output.trim() || message }
  }
}
