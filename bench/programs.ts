import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { request as requestTls } from 'node:https'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuSeconds } from './process-figures.ts'

/** A registry that can be measured. */
export interface Program {
  readonly name: 'lacre' | 'Distribution'
  readonly command: string
}

export const programs: readonly Program[] = [
  { name: 'lacre', command: join(import.meta.dirname, '../bin/lacre') },
  { name: 'Distribution', command: 'docker-registry' },
]

export interface Files {
  /** Everything of this run is below it. */
  readonly folder: string
  readonly certificate: string
  readonly key: string
}

export interface StartOptions {
  readonly root: string
  readonly isTls: boolean
  /** Of the account `bench` in an htpasswd file; without one, nobody is asked who they are. */
  readonly bcryptCost?: number
}

const ACCOUNT = { name: 'bench', password: 'not-a-secret' }

/** What the account `bench` says of itself. */
export function authorizationFor({ name, password } = ACCOUNT): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
}

/** A started program, and how long its first answer took from the start of the process. */
export interface Running {
  readonly program: Program
  readonly pid: number
  readonly origin: string
  readonly firstAnswerMs: number
  stop(): Promise<void>
}

/** Starts a program and returns with its first answer. */
export async function start(program: Program, files: Files, options: StartOptions): Promise<Running> {
  const port = await freePort()
  const path = join(files.folder, `${program.name}.yml`)
  writeFileSync(path, configuration(port, files, options))
  const { isTls } = options
  const startedMs = performance.now()
  const child = spawn(program.command, ['serve', path], { stdio: 'ignore' })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const origin = `${isTls ? 'https' : 'http'}://127.0.0.1:${port}`
  await untilAnswer(child, origin)
  const firstAnswerMs = performance.now() - startedMs
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
  }
  return { program, pid: child.pid ?? -1, origin, firstAnswerMs, stop }
}

/** Returns when the program has used no processor time for a while: what it does by itself after the start is done. */
export async function untilIdle({ pid }: Running): Promise<void> {
  for (let before = -1, now = cpuSeconds(pid); now - before > 0.02; ) {
    before = now
    await delay(1000)
    now = cpuSeconds(pid)
  }
}

/** What both programs understand. */
function configuration(port: number, files: Files, { root, isTls, bcryptCost }: StartOptions): string {
  const tls = { certificate: files.certificate, key: files.key }
  return JSON.stringify({
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: root }, cache: { blobdescriptor: 'inmemory' }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, secret: 'not-a-secret', ...(isTls && { tls }) },
    ...(bcryptCost !== undefined && { auth: { htpasswd: { realm: 'bench', path: makeHtpasswd(files.folder, bcryptCost) } } }),
  })
}

function makeHtpasswd(folder: string, cost: number): string {
  const path = join(folder, `htpasswd-${cost}`)
  execFileSync('htpasswd', ['-iBc', '-C', String(cost), path, ACCOUNT.name], { input: ACCOUNT.password, stdio: ['pipe', 'ignore', 'ignore'] })
  return path
}

async function untilAnswer(child: ChildProcess, origin: string): Promise<void> {
  while (!(await isAnswering(`${origin}/v2/`))) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended with ${child.exitCode}`)
    await delay(5)
  }
}

function isAnswering(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = (url.startsWith('https') ? requestTls : request)(url, { rejectUnauthorized: false, agent: false })
    outgoing.once('response', (answer) => resolve(answer.resume().statusCode === 200 || answer.statusCode === 401)).once('error', () => resolve(false))
    outgoing.end()
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}
