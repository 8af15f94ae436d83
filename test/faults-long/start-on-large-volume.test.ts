import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type LargeVolume, writeLargeVolume } from '../../bench/large-volume.ts'

const REPOSITORIES = 10_000
const TAGS = 20_000
const PULL_EVERY_MS = 20

// What is promised on an idle machine, and how much a busy one may take.
const NOISE = 3
const FIRST_ANSWER_MS = 1000
const SETTLED_MS = 30_000
const PULL_MS = 50

const LAUNCHER = join(import.meta.dirname, '../../bin/lacre')
let folder: string
let volume: LargeVolume

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-large-'))
  volume = writeLargeVolume(join(folder, 'data'), { repositories: REPOSITORIES, tags: TAGS, manifests: 1000 })
  execFileSync('sync', ['-f', folder]) // else the start would pay for what the test wrote
})
after(() => rm(folder, { recursive: true, force: true }))

test(`a volume of ${REPOSITORIES} repositories is served at once and settled in the background`, async (t) => {
  await using server = await Server.start(folder)
  t.diagnostic(`first answer after ${server.firstAnswerMs.toFixed(0)} ms, without an index`)
  assert.ok(server.firstAnswerMs < FIRST_ANSWER_MS * NOISE, `the first answer took ${server.firstAnswerMs} ms`)

  const during = await pullUntil(server, () => server.settledMs !== undefined)
  const first = during[0] ?? Number.NaN
  t.diagnostic(
    `first pull in ${first.toFixed(1)} ms; ${during.length} pulls while settling, median ${median(during).toFixed(1)} ms, longest ${Math.max(...during).toFixed(0)} ms`,
  )
  t.diagnostic(`all settled after ${server.settledMs?.toFixed(0)} ms, with ${server.progress.length} lines of progress`)
  const left = 100
  const afterwards = await pullUntil(server, (pulls) => pulls >= left)
  t.diagnostic(`${left} pulls afterwards, median ${median(afterwards).toFixed(1)} ms`)
  assert.ok(median(during) < PULL_MS * NOISE, `a pull took ${median(during)} ms while settling`)
  assert.ok((server.settledMs ?? Number.NaN) < SETTLED_MS * NOISE, `settling took ${server.settledMs} ms`)
  assert.ok(server.progress.length >= 10, `only ${server.progress.length} lines told how far it was`)
  assert.equal(server.progress.at(-1), `compared ${REPOSITORIES} of ${REPOSITORIES} repositories with the volume`)

  assert.deepEqual(await server.readList('/v2/_catalog?n=1000', 'repositories'), volume.repositories)
  assert.deepEqual(await server.readList(`/v2/${volume.repositories[0]}/tags/list?n=1000`, 'tags'), volume.tags)
})

test('with the index of the last run it is settled again', async (t) => {
  await using server = await Server.start(folder)
  t.diagnostic(`first answer after ${server.firstAnswerMs.toFixed(0)} ms, with an index`)
  assert.ok(server.firstAnswerMs < FIRST_ANSWER_MS * NOISE, `the first answer took ${server.firstAnswerMs} ms`)
  const during = await pullUntil(server, () => server.settledMs !== undefined)
  t.diagnostic(`all settled after ${server.settledMs?.toFixed(0)} ms; ${during.length} pulls meanwhile, median ${median(during).toFixed(1)} ms`)
  assert.ok((server.settledMs ?? Number.NaN) < SETTLED_MS * NOISE, `settling took ${server.settledMs} ms`)
})

test('the first request of all may be for the list of 20,000 tags', async (t) => {
  await rm(join(folder, 'data/lacre/cache'), { recursive: true })
  await using server = await Server.start(folder)
  const startedMs = performance.now()
  const tags = await server.readList(`/v2/${volume.repositories[0]}/tags/list`, 'tags')
  t.diagnostic(`listed after ${(performance.now() - startedMs).toFixed(0)} ms, without an index`)
  assert.deepEqual(tags, volume.tags)
})

/** Pulls images of repositories all over the volume at a steady pace: how long each took, in milliseconds. */
async function pullUntil(server: Server, isEnough: (pulls: number) => boolean): Promise<number[]> {
  const times: number[] = []
  for (let at = 1; !isEnough(times.length) && server.isRunning; at++) {
    const repository = volume.repositories[(at * 7919) % REPOSITORIES] // a prime: neighbours in time are none on the volume
    const tag = repository === volume.repositories[0] ? volume.tags[0] : 'latest'
    const startedMs = performance.now()
    const manifest = JSON.parse(String(await server.read(`/v2/${repository}/manifests/${tag}`))) as { config: { digest: string; size: number } }
    const config = await server.read(`/v2/${repository}/blobs/${manifest.config.digest}`)
    assert.equal(config.length, manifest.config.size)
    assert.deepEqual(await server.read(`/v2/${repository}/blobs/${volume.layerDigest}`), volume.layer)
    times.push(performance.now() - startedMs)
    await delay(PULL_EVERY_MS)
  }
  return times
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** `lacre serve`, and what it says about settling. */
class Server {
  readonly #child: ChildProcess
  readonly #origin: string
  readonly #agent = new Agent({ keepAlive: true })
  readonly #startedMs = performance.now()
  readonly progress: string[] = []
  /** From the start of the process, once that is so. */
  settledMs: number | undefined
  firstAnswerMs = Number.NaN

  private constructor(child: ChildProcess, origin: string) {
    this.#child = child
    this.#origin = origin
  }

  static async start(folder: string): Promise<Server> {
    const port = await freePort()
    const storage = { filesystem: { rootdirectory: join(folder, 'data') } }
    const configuration = { version: 0.1, log: { accesslog: { disabled: true } }, storage, http: { addr: `127.0.0.1:${port}` } }
    await writeFile(join(folder, 'config.yml'), JSON.stringify(configuration))
    const child = spawn(LAUNCHER, ['serve', join(folder, 'config.yml')], { stdio: ['ignore', 'ignore', 'pipe'] })
    const server = new Server(child, `http://127.0.0.1:${port}`)
    server.#listen()
    while (server.isRunning && (await server.read('/v2/').catch(() => undefined)) === undefined) await delay(5)
    server.firstAnswerMs = performance.now() - server.#startedMs
    return server
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null
  }

  async read(path: string): Promise<Buffer> {
    return (await this.#get(path)).body
  }

  /** All pages of a list. */
  async readList(path: string, key: string): Promise<string[]> {
    const items: string[] = []
    for (let next: string | undefined = path; next !== undefined; ) {
      const answer = await this.#get(next)
      items.push(...((JSON.parse(String(answer.body)) as Record<string, string[]>)[key] ?? []))
      next = /^<([^>]+)>/.exec(answer.link)?.[1]
    }
    return items
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy()
    if (this.#child.exitCode !== null) return
    this.#child.kill('SIGTERM')
    await once(this.#child, 'exit')
  }

  #listen(): void {
    if (!this.#child.stderr) return
    createInterface(this.#child.stderr).on('line', (line) => {
      const said = /compared (\d+) of (\d+) repositories with the volume/.exec(line)
      if (!said) return
      this.progress.push(said[0])
      if (said[1] === said[2]) this.settledMs = performance.now() - this.#startedMs
    })
  }

  async #get(path: string): Promise<{ readonly body: Buffer; readonly link: string }> {
    const request = get(`${this.#origin}${path}`, { agent: this.#agent })
    const [answer] = await once(request, 'response')
    const body = await buffer(answer)
    assert.equal(answer.statusCode, 200, `${path}: ${body.toString()}`)
    return { body, link: String(answer.headers.link ?? '') }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}
