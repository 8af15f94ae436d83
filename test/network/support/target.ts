import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as requestPlain } from 'node:http'
import { type RequestOptions, request as requestSecure } from 'node:https'
import { connect as connectPlain, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { connect as connectSecure } from 'node:tls'
import { hashSync } from '@node-rs/bcrypt'
import { digestOf } from '../../../src/oci/digest.ts'
import { CertificateFolder, type TestCertificate } from '../../support/certificates.ts'
import { imageOf } from '../../support/images.ts'
import { pathOf } from '../../support/registry.ts'

const MiB = 1024 * 1024
const [ACCOUNT, PASSWORD] = ['alice', 'secret']
const image = imageOf('the image that must be served')

export interface TargetOptions {
  readonly isSecure?: boolean
  /** The limit of open files; the system's without it. */
  readonly descriptors?: number
  /** Whether clients need the one account there is. */
  readonly hasAccounts?: boolean
}

export interface Answer {
  readonly status: number
  readonly location: string
  readonly range: string
  readonly body: Buffer
}

/** Bytes of memory, and open descriptors, after a collection of garbage. */
export interface Figures {
  readonly rss: number
  readonly heap: number
  readonly descriptors: number
}

/** A real `lacre serve` in a process of its own, to be attacked. */
export class Target implements AsyncDisposable {
  readonly folder: string
  readonly #child: ChildProcess
  readonly #certificates: CertificateFolder
  readonly #certificate: TestCertificate | undefined
  port = 0
  output = ''
  /** A blob of 64 MiB, more than systems keep for those who do not read, in the repository `big`. */
  readonly big = randomBytes(64 * MiB)

  private constructor(folder: string, child: ChildProcess, certificates: CertificateFolder, certificate: TestCertificate | undefined) {
    this.folder = folder
    this.#child = child
    this.#certificates = certificates
    this.#certificate = certificate
  }

  static async start({ isSecure = false, descriptors, hasAccounts = false }: TargetOptions = {}): Promise<Target> {
    const folder = await mkdtemp(join(tmpdir(), 'lacre-network-'))
    const certificates = await CertificateFolder.make()
    const certificate = isSecure ? await certificates.issue('server') : undefined
    const tls = certificate ? `, tls: {certificate: ${certificate.certificate}, key: ${certificate.key}}` : ''
    if (hasAccounts) await writeFile(join(folder, 'htpasswd'), `${ACCOUNT}:${hashSync(PASSWORD, 4)}\n`)
    const lines = [
      'version: 0.1',
      ...(hasAccounts ? [`auth: {htpasswd: {realm: fuzz, path: ${folder}/htpasswd}}`] : []),
      'log: {accesslog: {disabled: true}}',
      `storage: {filesystem: {rootdirectory: ${folder}/data}, delete: {enabled: true}}`,
      `http: {addr: "127.0.0.1:0"${tls}}`,
    ]
    await writeFile(join(folder, 'config.yml'), `${lines.join('\n')}\n`)
    const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `
    const program = [process.execPath, '--expose-gc', '--import', join(import.meta.dirname, 'collect-on-signal.ts'), resolve('src/main.ts'), 'serve']
    const child = spawn('sh', ['-c', `${limit}exec "$@"`, 'sh', ...program, join(folder, 'config.yml')])
    const target = new Target(folder, child, certificates, certificate)
    await target.#listen()
    await target.#fill()
    return target
  }

  /** What every request of `ask` carries. */
  readonly authorization = `Basic ${Buffer.from(`${ACCOUNT}:${PASSWORD}`).toString('base64')}`

  get configuration(): string {
    return join(this.folder, 'config.yml')
  }

  /** A connection, after its handshake; errors on it are its end and nothing else. */
  async open(): Promise<Socket> {
    const address = { port: this.port, host: '127.0.0.1' }
    const socket = this.#certificate ? connectSecure({ ...address, ca: this.#certificate.cert }) : connectPlain(address)
    socket.on('error', () => socket.destroy())
    await once(socket, this.#certificate ? 'secureConnect' : 'connect')
    return socket
  }

  /** Many of them, a hundred at a time. */
  async openMany(count: number): Promise<Socket[]> {
    const sockets: Socket[] = []
    while (sockets.length < count) sockets.push(...(await Promise.all(Array.from({ length: Math.min(100, count - sockets.length) }, () => this.open()))))
    return sockets
  }

  async ask(method: string, path: string, body?: Buffer | string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const options: RequestOptions = {
      host: '127.0.0.1',
      port: this.port,
      method,
      path,
      headers: { authorization: this.authorization, ...headers },
      agent: false,
    }
    const request = this.#certificate ? requestSecure({ ...options, ca: this.#certificate.cert }) : requestPlain(options)
    request.end(body)
    const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage]
    const { location, range } = response.headers
    return { status: response.statusCode ?? 0, location: location ?? '', range: String(range ?? ''), body: await buffer(response) }
  }

  /** Where a new upload takes its bytes. */
  async startUpload(repository = 'big'): Promise<string> {
    return pathOf((await this.ask('POST', `/v2/${repository}/blobs/uploads/`)).location)
  }

  /** Asserts that another client is served: it pulls an image, byte for byte, and pushes a blob. */
  async serves(): Promise<void> {
    assert.ok((await this.ask('GET', '/v2/app/manifests/1')).body.equals(image.manifest))
    for (const blob of image.blobs) assert.ok((await this.ask('GET', `/v2/app/blobs/${digestOf(blob)}`)).body.equals(blob))
    await this.push('app', randomBytes(1000))
  }

  async push(repository: string, blob: Buffer): Promise<void> {
    assert.equal((await this.ask('POST', `/v2/${repository}/blobs/uploads/?digest=${digestOf(blob)}`, blob)).status, 201)
  }

  /** What the server uses after a collection of garbage; sockets of ours that are closing are waited for. */
  async settle(): Promise<Figures> {
    const said = this.output.length
    this.#child.kill('SIGUSR2')
    for (;;) {
      const memory = /^memory (.*)$/m.exec(this.output.slice(said))?.[1]
      if (!memory) await this.#more()
      else {
        const { rss, heapUsed, external } = JSON.parse(memory) as NodeJS.MemoryUsage
        return { rss, heap: heapUsed + external, descriptors: this.descriptors }
      }
    }
  }

  /** Resolves when the server has as few descriptors as that again. */
  async descriptorsFallTo(count: number): Promise<void> {
    while (this.descriptors > count) await this.ask('GET', '/v2/')
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.#child.pid}/fd`).length
  }

  /** Bytes of memory it holds now. */
  get rss(): number {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))?.[1]) * 1024
  }

  /** What it has logged that is worse than a warning of its configuration. */
  get troubles(): string[] {
    return this.output.split('\n').filter((line) => /level=(?:error|fatal)|\bWarning:|Error\b|[Uu]ncaught/.test(line))
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
    await this.#certificates[Symbol.asyncDispose]()
    await rm(this.folder, { recursive: true, force: true })
  }

  async #listen(): Promise<void> {
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', (part: Buffer) => (this.output += part.toString()))
    while (!this.port) {
      assert.equal(this.#child.exitCode, null, this.output)
      await this.#more()
      this.port = Number(/listening on [^\n"]*?:(\d+)/.exec(this.output)?.[1] ?? 0)
    }
  }

  async #more(): Promise<void> {
    const streams = [this.#child.stdout, this.#child.stderr].filter((stream) => stream !== null)
    await Promise.race([...streams.map((stream) => once(stream, 'data')), once(this.#child, 'exit')])
  }

  async #fill(): Promise<void> {
    for (const blob of image.blobs) await this.push('app', blob)
    const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }
    assert.equal((await this.ask('PUT', '/v2/app/manifests/1', image.manifest, headers)).status, 201)
    await this.push('big', this.big)
  }
}
