import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { get } from 'node:https'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { checkout } from './planted-project.ts'

/** A command of lacre that serves until it is disposed. */
export interface RunningLacre extends AsyncDisposable {
  /** What it printed, up to and with the line that was waited for. */
  readonly output: string
}

/** Runs shell commands as a reader of the README would, in the checkout, and waits for a line of output. */
export async function startLacre(command: string, until: RegExp, environment: Readonly<Record<string, string>> = {}): Promise<RunningLacre> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment }
  const child = spawn('sh', ['-c', `exec 2>&1; ${command}`], { cwd: checkout, env, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  let output = ''
  for await (const line of createInterface({ input: child.stdout })) {
    output += `${line}\n`
    if (until.test(line)) return { output, [Symbol.asyncDispose]: () => stop(child) }
  }
  throw new Error(`${command} ended without the line that was waited for:\n${output}`)
}

/** The shell and what it started, together. */
async function stop(child: ChildProcess): Promise<void> {
  child.stdout?.resume() // nobody reads on, and nothing may wait for a reader
  const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
  await ended
}

export interface Question {
  readonly url: string
  readonly ca?: Buffer | string
  readonly user?: string
}

/** The status of an answer over HTTPS; `user` is `name:password`. Rejects when the server is not to be trusted. */
export function askStatus({ url, ca, user }: Question): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get(url, { ...(ca && { ca }), ...(user && { auth: user }), agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    request.on('error', reject)
  })
}

/** A port of 127.0.0.1 that was free just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
