import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Authenticator } from '../../src/access/authenticate.ts'
import type { RequestRecord } from '../../src/http/observer.ts'
import { createServer, type HttpServer, type HttpServerOptions } from '../../src/http/server.ts'
import { IN_MEMORY, openIndex, openState } from '../../src/metadata/connect.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { closeRegistry, openRegistry, type Registry } from '../../src/registry/registry.ts'
import type { Driver } from '../../src/volume/driver.ts'
import { FilesystemDriver } from '../../src/volume/filesystem.ts'
import { Client } from './http-client.ts'
import type { Image } from './images.ts'

export interface RegistryOptions
  extends Partial<Pick<HttpServerOptions, 'settings' | 'authenticator' | 'access' | 'tls' | 'metrics' | 'health' | 'notifier' | 'authorityFolder'>> {
  /** Keeps its data after the end; a new folder, removed at the end, without it. */
  readonly folder?: string
  /** What the volume is reached through, for tests of its failures. */
  readonly wrapDriver?: (driver: Driver) => Driver
}

/** A registry that serves its own folder on a free port of 127.0.0.1, and a client of it. */
export class RunningRegistry extends Client {
  readonly folder: string
  readonly server: HttpServer
  readonly registry: Registry
  /** What the server told its observer. */
  readonly records: RequestRecord[]
  readonly failures: unknown[]
  readonly #ownsFolder: boolean
  #stopped: Promise<void> | undefined

  constructor(parts: Pick<RunningRegistry, 'folder' | 'server' | 'registry' | 'records' | 'failures'> & { ownsFolder: boolean }) {
    super(Number(parts.server.addresses[0]?.split(':').at(-1)))
    this.folder = parts.folder
    this.server = parts.server
    this.registry = parts.registry
    this.records = parts.records
    this.failures = parts.failures
    this.#ownsFolder = parts.ownsFolder
  }

  /** Uploads a blob in one PUT and returns its digest. */
  async pushBlob(repository: string, bytes: Buffer | string, algorithm: 'sha256' | 'sha512' = 'sha256'): Promise<string> {
    const digest = digestOf(bytes, algorithm)
    const started = await this.send('POST', `/v2/${repository}/blobs/uploads/`)
    const { status } = await this.send('PUT', `${pathOf(started.headers['location'])}?digest=${digest}`, { body: bytes })
    if (status !== 201) throw new Error(`push of ${digest} ended with ${status}`)
    return digest
  }

  async pushManifest(repository: string, reference: string, manifest: object | Buffer, contentType?: string): Promise<string> {
    const body = Buffer.isBuffer(manifest) ? manifest : Buffer.from(JSON.stringify(manifest))
    const stated = contentType ?? String((JSON.parse(body.toString()) as { mediaType?: string }).mediaType)
    const reply = await this.send('PUT', `/v2/${repository}/manifests/${reference}`, { body, headers: { 'content-type': stated } })
    if (reply.status !== 201) throw new Error(`push of ${repository}:${reference} ended with ${reply.status}: ${reply.text}`)
    return String(reply.headers['docker-content-digest'])
  }

  async pushImage(repository: string, image: Image, ...tags: string[]): Promise<void> {
    for (const blob of image.blobs) await this.pushBlob(repository, blob)
    for (const tag of tags) await this.pushManifest(repository, tag, image.manifest)
  }

  stop(drainMs = 0): Promise<void> {
    this.#stopped ??= this.server.close(drainMs).then(() => closeRegistry(this.registry))
    return this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    if (this.#ownsFolder) await rm(this.folder, { recursive: true, force: true })
  }
}

export async function startRegistry(options: RegistryOptions = {}): Promise<RunningRegistry> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'lacre-registry-')))
  const driver = new FilesystemDriver(folder)
  const registry = await openRegistry({
    driver: options.wrapDriver?.(driver) ?? driver,
    openIndex: (report) => openIndex(IN_MEMORY, report),
    openState: (report) => openState(IN_MEMORY, report),
  })
  const records: RequestRecord[] = []
  const failures: unknown[] = []
  const server = createServer({
    health: { failing: () => ({}), problems: () => [], warnings: () => [], setDown: () => undefined },
    ...options,
    registry,
    settings: { addr: '127.0.0.1:0', deletionEnabled: true, ...options.settings },
    observer: { requestStarted: () => undefined, requestFinished: (record) => void records.push(record), requestFailed: (error) => void failures.push(error) },
  })
  await server.listen()
  return new RunningRegistry({ folder, server, registry, records, failures, ownsFolder: options.folder === undefined })
}

/** Knows one account. */
export function authenticatorFor(username: string, password: string, realm = 'test realm'): Authenticator {
  return {
    realm,
    authenticate: async (given) => (given.username === username && given.password === password ? { kind: 'account', name: username } : undefined),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** The path of a `Location`, with its query. */
export function pathOf(location: string | string[] | undefined): string {
  const { pathname, search } = new URL(String(location), 'http://any.test')
  return pathname + search
}
