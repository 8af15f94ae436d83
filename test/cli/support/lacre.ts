import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { Client } from '../../support/http-client.ts'

const MAIN = resolve('src/main.ts')
const { PATH = '', NODE_COMPILE_CACHE = resolve('node_modules/.cache/lacre') } = process.env
const ours = { PATH, NODE_COMPILE_CACHE } // nothing of the environment that would configure it

export interface RunOptions {
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
}

export interface Finished {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command line of lacre to its end. */
export async function lacre(args: readonly string[], { input = '', environment = {} }: RunOptions = {}): Promise<Finished> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...ours, ...environment } })
  child.stdin.end(input)
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { status: status as number | null, stdout, stderr }
}

/** Runs command lines one after another in one process, which is much faster. */
export async function lacreEach(lines: readonly (readonly string[])[]): Promise<Finished[]> {
  const script = `
    import { run } from ${JSON.stringify(pathToFileURL(resolve('src/cli/program.ts')).href)}
    const finished = []
    const print = process.stdout.write.bind(process.stdout)
    for (const line of ${JSON.stringify(lines)}) {
      const done = { status: 0, stdout: '', stderr: '' }
      for (const name of ['stdout', 'stderr']) process[name].write = (text) => { done[name] += text; return true }
      process.exitCode = undefined
      done.status = await run(line)
      finished.push(done)
    }
    process.exitCode = 0
    print(JSON.stringify(finished))`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: ours,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(await text(child.stdout)) as Finished[]
}

/** A folder that is removed at the end, and what runs in it stopped. */
export class Workplace implements AsyncDisposable {
  readonly folder: string
  readonly #servers: Server[] = []

  constructor(folder: string) {
    this.folder = folder
  }

  static async make(): Promise<Workplace> {
    return new Workplace(await mkdtemp(join(tmpdir(), 'lacre-cli-')))
  }

  /** The folder that servers started here hold. */
  get data(): string {
    return join(this.folder, 'data')
  }

  async configuration(more = ''): Promise<string> {
    const path = join(this.folder, 'config.yml')
    const storage = more.includes('maintenance:') ? '' : '  delete: {enabled: true}\n'
    await writeFile(
      path,
      `version: 0.1\nstorage:\n  filesystem: {rootdirectory: ${this.data}}\n${storage}${more}\nhttp: {addr: "127.0.0.1:0", draintimeout: 20s}\n`,
    )
    return path
  }

  /** A server over plain HTTP that is listening; `more` is what its configuration says below `storage`. */
  async serve(more?: string): Promise<Server> {
    return this.start(['serve', await this.configuration(more)])
  }

  async start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Server> {
    const child = spawn(process.execPath, [MAIN, ...args], { env: { ...ours, ...environment } })
    const server = new Server(child)
    this.#servers.push(server)
    await server.listening
    return server
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.end('SIGKILL')))
    await rm(this.folder, { recursive: true, force: true })
  }
}

export class Server {
  readonly process: ChildProcess
  /** All that it has printed so far. */
  output = ''
  readonly listening: Promise<number>

  constructor(child: ChildProcess) {
    this.process = child
    this.listening = new Promise((ready, failed) => {
      const take = (part: Buffer): void => {
        this.output += part.toString()
        const port = /(?:listening on|serves https:\/\/)[^\n"]*?:(\d+)\b/.exec(this.output)?.[1]
        if (port) ready(Number(port))
      }
      child.stdout?.on('data', take)
      child.stderr?.on('data', take)
      child.once('exit', (status) => failed(new Error(`the server ended with ${status}: ${this.output}`)))
    })
    this.listening.catch(() => undefined)
  }

  async client(): Promise<Client> {
    return new Client(await this.listening)
  }

  /** Ends it by a signal. Its exit code, `null` when the signal killed it. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode
    const exited = once(this.process, 'exit')
    this.process.kill(signal)
    const [status] = (await exited) as [number | null]
    return status
  }

  /** Resolves when it has printed what matches. */
  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.output)) {
      assert.equal(this.process.exitCode, null, this.output)
      await Promise.race([
        once(this.process.stdout as NodeJS.ReadableStream, 'data'),
        once(this.process.stderr as NodeJS.ReadableStream, 'data'),
        once(this.process, 'exit'),
      ])
    }
  }
}
