import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Client } from './http-client.ts'

/** A server in a process of its own, that can be killed. */
export class LacreProcess {
  readonly http: Client
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.#ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve()
    this.http = new Client(port)
  }

  /** Resolves when it has ended, by itself or not. */
  get ended(): Promise<unknown> {
    return this.#ended
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}

/** `lacre serve` on a folder, answering; `more` are lines of its configuration. */
export async function startLacre(folder: string, ...more: readonly string[]): Promise<LacreProcess> {
  const port = await freePort()
  const path = join(folder, 'config.yml')
  const lines = [
    'version: 0.1',
    'log: {accesslog: {disabled: true}}',
    `storage: {filesystem: {rootdirectory: ${folder}/data}, delete: {enabled: true}}`,
    `http: {addr: 127.0.0.1:${port}}`,
    ...more,
  ]
  await writeFile(path, `${lines.join('\n')}\n`)
  return untilAnswering(spawn(resolve('bin/lacre'), ['serve', path], { stdio: ['ignore', 'pipe', 'pipe'] }), port)
}

/** A server on the same folder that kills itself: see `dying-server.ts`. */
export async function startDying(folder: string, point: string, count: number): Promise<LacreProcess> {
  const port = await freePort()
  const args = [fileURLToPath(import.meta.resolve('./dying-server.ts')), `${folder}/data`, String(port), point, String(count)]
  return untilAnswering(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] }), port)
}

async function untilAnswering(child: ChildProcess, port: number): Promise<LacreProcess> {
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) if (stream) createInterface(stream).on('line', (line) => said.push(line))
  const server = new LacreProcess(child, port)
  const deadline = performance.now() + 30_000
  while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const reply = await server.http.get('/v2/').catch(() => undefined)
    if (reply?.status === 200) return server
    await new Promise((wake) => setTimeout(wake, 20))
  }
  if (child.signalCode === 'SIGKILL') return server // it died at its point before it answered
  await server.kill()
  throw new Error(`the server did not start:\n${said.join('\n')}`)
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
