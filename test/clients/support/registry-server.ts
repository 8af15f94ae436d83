import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Background, type CommandResult, run, startBackground } from './command.ts'
import { type Endpoint, send } from './registry-client.ts'

export interface ServerOptions {
  /** The configuration file's text; without one the program starts from the environment and registry:2's defaults. */
  readonly configuration?: string
  readonly environment?: Readonly<Record<string, string>>
  /** A folder for the configuration file, kept by the caller. */
  readonly folder: string
  /** Where the server will answer. */
  readonly endpoint: Endpoint
}

export interface RunningServer {
  readonly endpoint: Endpoint
  readonly pid: number
  readonly output: () => string
  /** SIGTERM, then waits for the end; gives the exit code. */
  stop(): Promise<number>
}

/** A registry that can be started: the real Distribution, or lacre in its place. */
export interface RegistryProgram {
  readonly name: 'docker-registry' | 'lacre'
  start(options: ServerOptions): Promise<RunningServer>
  /** `garbage-collect CONFIG`, with no server running. */
  collectGarbage(configurationPath: string, flags?: readonly string[]): Promise<CommandResult>
}

/** The folder that `bin/` is in. */
export const ROOT = join(import.meta.dirname, '../../..')

/** registry:2's own configuration file, on which its environment variables are laid. */
const REGISTRY_2_DEFAULTS = `version: 0.1
log: {fields: {service: registry}}
storage:
  cache: {blobdescriptor: inmemory}
  filesystem: {rootdirectory: /var/lib/registry}
http:
  addr: :5000
  headers: {X-Content-Type-Options: [nosniff]}
health:
  storagedriver: {enabled: true, interval: 10s, threshold: 3}
`

// Hides the configuration that Debian's docker-registry brings: in its place, lacre would start from it.
const WITHOUT_FILES = 'if [ -d /etc/docker/registry ]; then mount -t tmpfs none /etc/docker/registry; fi; exec "$0" serve'

/** Debian's docker-registry 2.8. */
export const distribution: RegistryProgram = {
  name: 'docker-registry',
  async start(options) {
    const path = await writeConfiguration(options.folder, options.configuration ?? REGISTRY_2_DEFAULTS)
    return startServer('docker-registry', ['serve', path], options)
  },
  collectGarbage: (path, flags = []) => run('docker-registry', ['garbage-collect', path, ...flags]),
}

const lacre: RegistryProgram = {
  name: 'lacre',
  async start(options) {
    if (options.configuration === undefined) return startServer('unshare', ['--mount', 'sh', '-c', WITHOUT_FILES, join(ROOT, 'bin/lacre')], options)
    return startServer(join(ROOT, 'bin/lacre'), ['serve', await writeConfiguration(options.folder, options.configuration)], options)
  },
  collectGarbage: (path, flags = []) => run(join(ROOT, 'bin/registry'), ['garbage-collect', path, ...flags]),
}

/** The program the suites are about: lacre, or the one named by `UNDER_TEST` to try the suites themselves. */
export const underTest: RegistryProgram = process.env['UNDER_TEST'] === distribution.name ? distribution : lacre

export async function freePort(host: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error(`no port on ${host}`)
  return address.port
}

/** A configuration of Distribution: plain HTTP, deletion on, nothing purged. */
export function plainConfiguration(address: string, rootDirectory: string): string {
  return `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: ${rootDirectory}}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http:
  addr: "${address}"
  secret: not-a-secret
  headers: {X-Content-Type-Options: [nosniff]}
`
}

async function writeConfiguration(folder: string, text: string): Promise<string> {
  const path = join(folder, 'config.yml')
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  return path
}

/** Starts a program and waits until its registry answers. */
export async function startServer(
  command: string,
  args: readonly string[],
  options: Pick<ServerOptions, 'environment' | 'endpoint'> & { readonly cwd?: string },
): Promise<RunningServer> {
  const { environment, endpoint, cwd } = options
  const background = startBackground(command, args, { ...(environment && { env: environment }), ...(cwd && { cwd }) })
  const running = { endpoint, pid: background.pid, output: background.output, stop: () => background.stop() }
  if (await isAnswering(endpoint, background)) return running
  await background.stop(1000)
  throw new Error(`${command} ${args.join(' ')} does not answer on ${endpoint.url}\n${background.output()}`)
}

async function isAnswering(endpoint: Endpoint, background: Background): Promise<boolean> {
  let gone = false
  void background.exited.then(() => {
    gone = true
  })
  for (const deadline = Date.now() + 60_000; Date.now() < deadline && !gone; await delay(50)) {
    const answer = await send({ ...endpoint, isUnverified: true }, { method: 'GET', path: '/v2/' }).catch(() => undefined)
    if (answer) return true
  }
  return false
}
