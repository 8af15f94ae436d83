import { type ChildProcess, spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly cwd?: string
  readonly timeoutMs?: number
}

export interface CommandResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface Background {
  readonly pid: number
  /** Everything the program wrote so far, both streams. */
  output(): string
  /** Resolves with the exit code once the program is gone. */
  readonly exited: Promise<number>
  /** SIGTERM, then SIGKILL when it is still there after `patienceMs`. Resolves with the exit code. */
  stop(patienceMs?: number): Promise<number>
}

/** What runs now; none of it may outlive the tests. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

/** Runs a program to its end. Never throws for an exit code: that is the test's business. */
export async function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 90_000,
    killSignal: 'SIGKILL',
  })
  child.stdin.on('error', () => {}) // @NOTE a program that ends before it reads its input is judged by its exit code
  child.stdin.end(options.input ?? '')
  const ended = exitOf(child)
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { status: await ended, stdout, stderr }
}

/** Runs a program that must succeed, and gives its standard output. */
export async function runOk(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await run(command, args, options)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`)
  return stdout
}

/** Starts a program that runs until it is stopped. */
export function startBackground(command: string, args: readonly string[], options: CommandOptions = {}): Background {
  const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const written: string[] = []
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => written.push(chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => written.push(chunk))
  running.add(child)
  const exited = exitOf(child).finally(() => running.delete(child))
  return { pid: child.pid ?? -1, output: () => written.join(''), exited, stop: (patienceMs = 15_000) => stop(child, exited, patienceMs) }
}

const CONTAINED = ['--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--mount-proc', '--fork', '--kill-child=KILL']

/**
 * Starts a daemon in a mount and a process namespace of its own. It is stopped by SIGKILL, or by the end of this process however that comes
 * about: everything it started and mounted is gone with it.
 */
export function startContained(command: string, args: readonly string[], options: CommandOptions = {}): Background {
  const background = startBackground('setpriv', [...CONTAINED, command, ...args], options)
  return { ...background, stop: () => background.stop(0) } // @NOTE unshare itself does not listen to SIGTERM
}

async function stop(child: ChildProcess, exited: Promise<number>, patienceMs: number): Promise<number> {
  child.kill('SIGTERM')
  const impatience = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  const code = await exited
  clearTimeout(impatience)
  return code
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 143)))
  })
}
