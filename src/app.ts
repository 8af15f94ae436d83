import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Authenticator } from './access/authenticate.ts'
import { Guesses } from './access/guesses.ts'
import { openHtpasswd } from './access/htpasswd.ts'
import type { PolicyBook } from './access/policy-book.ts'
import { type Certificates, type CertificatesStatus, openCertificates } from './certificates.ts'
import type { Config } from './config/schema.ts'
import { deskOf, openPolicyBook } from './grants.ts'
import { AdminSocket, type Served } from './http/admin.ts'
import { createObserver } from './http/log-requests.ts'
import { createServer, type HttpServer } from './http/server.ts'
import { IN_MEMORY, openIndex, openState } from './metadata/connect.ts'
import type { Notifier } from './notifications/notifier.ts'
import { healthChecks } from './observability/health-checks.ts'
import { HealthMonitor } from './observability/health-monitor.ts'
import { createLogger } from './observability/log.ts'
import { createMetrics, type Metrics } from './observability/metrics.ts'
import { startHousekeeping } from './registry/housekeeping.ts'
import { noRules, type PushRules } from './registry/push-rules.ts'
import { closeRegistry, openRegistry, type Registry, type RegistryEvent } from './registry/registry.ts'
import { createReport } from './report.ts'
import { guessing, housekeeping, httpSettings, pushRules, urlOf } from './settings.ts'
import { FilesystemDriver } from './volume/filesystem.ts'
import { CACHE, STATE } from './volume/layout.ts'
import { findNetworkFileSystem, VolumeLock } from './volume/lock.ts'
import { actAs, becomeForGood, findForeignOwner } from './volume/owner.ts'
import { createNotifier, idleMailroom } from './webhooks.ts'

export interface OpenVolume {
  readonly registry: Registry
  close(): void
}

export interface VolumeOptions {
  readonly isReadOnly?: boolean
  /** How long to wait for whoever holds the volume. */
  readonly patienceMs?: number
  readonly report?: (event: RegistryEvent) => void
  readonly onLockLost?: (reason: string) => void
  readonly rules?: PushRules
}

/**
 * Takes the volume below `root` for this process and opens a registry over it.
 *
 * @throws VolumeLockedError when another process has it.
 */
export async function openVolume(root: string, options: VolumeOptions = {}): Promise<OpenVolume> {
  const driver = new FilesystemDriver(root)
  const { report = () => undefined, rules = noRules } = options
  if (options.isReadOnly) {
    const registry = await openRegistry({
      driver,
      report,
      rules,
      isReadOnly: true,
      openIndex: (tell) => openIndex(IN_MEMORY, tell),
      openState: (tell) => openState(IN_MEMORY, tell),
    })
    return { registry, close: () => closeRegistry(registry) }
  }
  let opened: Registry | undefined
  let lost: string | undefined
  const onLost = (reason: string): void => {
    lost = reason
    if (opened) stopWriting(opened, reason)
    options.onLockLost?.(reason)
  }
  const lock = await VolumeLock.take(root, { onLost, ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }) })
  const registry = await openRegistry({
    driver,
    report,
    rules,
    openIndex: (tell, cause) => openIndex(join(root, CACHE, 'index.db'), tell, cause),
    openState: (tell) => openState(join(root, STATE, 'state.db'), tell),
  })
  opened = registry
  if (lost !== undefined) stopWriting(registry, lost)
  const close = (): void => {
    closeRegistry(registry)
    lock.release()
  }
  return { registry, close }
}

function stopWriting({ standing, settlement }: Registry, reason: string): void {
  standing.refusal = reason
  settlement.stop.abort()
}

export interface ServerOptions {
  /** Refuses to start with a certificate that clients will trip over. */
  readonly isStrict?: boolean
  readonly warnings?: readonly string[]
  /** The file that was read, for the log. */
  readonly configuration?: string
  /** The descriptor of a listening socket to serve on instead of the configuration's address. */
  readonly inheritedSocket?: number
}

export interface RunningServer {
  /** `host:port`, or a socket's path. */
  readonly addresses: readonly string[]
  readonly url: string
  /** Lets requests finish for the configured time, then ends everything. */
  stop(): Promise<void>
}

/** How a server that runs says it stands, as a value for JSON. */
export interface ServerStatus {
  readonly url: string
  readonly addresses: readonly string[]
  readonly startedAt: string
  /** The file of users; absent where everybody may do everything. */
  readonly users?: string
  readonly certificates: CertificatesStatus
}

/** Where a server logs and counts. */
interface Edge {
  readonly log: Logger
  readonly metrics: Metrics
}

/**
 * Serves what a configuration says: opens certificate and key, takes the volume as its owner, listens, and gives up what
 * privileges the volume does not need.
 */
export async function startServer(config: Config, options: ServerOptions = {}): Promise<RunningServer> {
  const edge = openEdge(config, options)
  const root = config.storage.filesystem.rootdirectory
  const owner = findForeignOwner(root)
  const certificates = await openCertificates(config, edge, { owner, isStrict: options.isStrict === true })
  actAs(owner)
  const notifier = createNotifier(config, edge)
  const { access, ...volume } = await openServed(config, volumeOptions(config, edge, notifier))
  const authenticator = await openAuthenticator(config, access, edge)
  const { monitor, ...parts } = serverParts(config, volume.registry, edge, certificates)
  const settings = { ...parts.settings, inheritedSocket: options.inheritedSocket }
  const server = createServer({ ...parts, settings, authenticator, access, notifier })
  actAs(undefined)
  await listen(server, certificates, volume)
  becomeForGood(owner)
  notifier?.start()
  certificates.start()
  const url = urlOf(config.http, server, certificates.tls !== undefined)
  const status = statusOf(config, { url, addresses: server.addresses }, certificates)
  const operated = { registry: volume.registry, mailroom: notifier ?? idleMailroom(config), desk: deskOf(access, config.auth.htpasswd?.path), status }
  const admin = await openAdminSocket(root, operated, edge.log)
  lookAfter(volume.registry, config, edge)
  monitor.start()
  edge.log.info({ url }, `listening on ${server.addresses.join(', ')}`)
  const stop = async (): Promise<void> => {
    monitor[Symbol.dispose]()
    await server.close(config.http.draintimeout)
    await Promise.all([admin?.close(), notifier?.close(), certificates[Symbol.asyncDispose](), authenticator?.[Symbol.asyncDispose]()])
    volume.close()
    edge.log.info('stopped')
  }
  return { addresses: server.addresses, url, stop }
}

function openEdge(config: Config, { configuration, warnings = [] }: ServerOptions): Edge {
  const log = createLogger(config.log)
  if (configuration) log.info({ file: configuration }, 'configuration read')
  for (const warning of warnings) log.warn(warning)
  return { log, metrics: createMetrics() }
}

function lookAfter(registry: Registry, config: Config, edge: Edge): void {
  const network = findNetworkFileSystem(config.storage.filesystem.rootdirectory)
  if (network) edge.log.warn(`the volume is on ${network}: its locks and syncs promise less than a local disk's, so keep to one server and to backups`)
  startHousekeeping(registry, housekeeping(config, edge))
}

function statusOf({ auth }: Config, place: Pick<ServerStatus, 'url' | 'addresses'>, certificates: Certificates): () => ServerStatus {
  const startedAt = new Date().toISOString()
  return () => ({ ...place, startedAt, ...(auth.htpasswd && { users: auth.htpasswd.path }), certificates: certificates.status() })
}

/** Listens on all addresses, or on none and gives the volume back. */
async function listen(server: HttpServer, certificates: Certificates, volume: OpenVolume): Promise<void> {
  try {
    await server.listen()
    await certificates.listen(findPort(server))
  } catch (error) {
    await server.close(0)
    volume.close()
    throw error
  }
}

function findPort({ addresses: [main = ''] }: HttpServer): number | undefined {
  const port = /:(\d+)$/.exec(main)?.[1]
  return port === undefined ? undefined : Number(port)
}

/** The volume and its grants; where these cannot be read, nobody is served. */
async function openServed({ storage }: Config, options: VolumeOptions): Promise<OpenVolume & { readonly access: PolicyBook }> {
  const root = storage.filesystem.rootdirectory
  const { registry, close } = await openVolume(root, options)
  try {
    const access = openPolicyBook(root, { isReadOnly: options.isReadOnly === true })
    const closeBoth = (): void => {
      access[Symbol.dispose]()
      close()
    }
    return { registry, access, close: closeBoth }
  } catch (error) {
    close()
    throw error
  }
}

async function openAuthenticator(config: Config, { policy }: PolicyBook, edge: Edge): Promise<Authenticator | undefined> {
  const { htpasswd } = config.auth
  const { log, metrics } = edge
  if (!htpasswd) {
    const everybody = policy.isOpen ? 'whoever reaches this registry may pull, push and delete' : 'everybody is anonymous, and may do what is granted to that'
    log.warn(`no authentication is configured: ${everybody}; set auth.htpasswd`)
    return undefined
  }
  const guesses = new Guesses(guessing(config, edge))
  const authenticator = await openHtpasswd({ ...htpasswd, guesses, onWarning: (message) => log.warn(message) })
  return {
    realm: authenticator.realm,
    async authenticate(credentials, source) {
      try {
        const principal = await authenticator.authenticate(credentials, source)
        metrics.authentications.inc({ outcome: principal ? 'accepted' : 'refused' })
        return principal
      } catch (error) {
        metrics.authentications.inc({ outcome: 'postponed' })
        throw error
      }
    },
    [Symbol.asyncDispose]: () => authenticator[Symbol.asyncDispose](),
  }
}

function volumeOptions(config: Config, edge: Edge, notifier: Notifier | undefined): VolumeOptions {
  return {
    isReadOnly: config.storage.maintenance.readonly.enabled,
    report: createReport(edge),
    rules: pushRules(config),
    onLockLost: (reason) => {
      void notifier?.close() // its queue is on the volume too
      edge.log.error(`nothing is written any more: ${reason}; stop this server`)
    },
  }
}

function serverParts(config: Config, registry: Registry, { log, metrics }: Edge, certificates: Certificates) {
  const monitor = new HealthMonitor(healthChecks(config.health, config.storage.filesystem.rootdirectory))
  const health = {
    failing: () => monitor.failing(),
    setDown: (isDown: boolean) => monitor.setDown(isDown),
    problems: () => (registry.standing.refusal && !config.storage.maintenance.readonly.enabled ? [registry.standing.refusal] : []),
    warnings: () => certificates.problems().map(({ sentence }) => sentence),
  }
  const { tls, authorityFolder } = certificates
  const source = { contentType: metrics.registry.contentType, render: () => metrics.registry.metrics() }
  return {
    registry,
    settings: httpSettings(config),
    observer: createObserver(config.log, { log, metrics }),
    health,
    metrics: source,
    monitor,
    tls,
    authorityFolder,
  }
}

const ADMIN_SOCKET_NOTE = `${STATE}/admin.socket`

async function openAdminSocket(root: string, served: Served, log: Logger): Promise<AdminSocket | undefined> {
  if (served.registry.standing.refusal) return undefined
  const name = createHash('sha256').update(root).digest('hex').slice(0, 16) // @NOTE a socket's path has 107 bytes at most
  const socket = new AdminSocket(join(tmpdir(), `lacre-${process.geteuid?.() ?? 0}`, `${name}.sock`), served)
  try {
    await socket.listen()
    mkdirSync(join(root, STATE), { recursive: true })
    writeFileSync(join(root, ADMIN_SOCKET_NOTE), socket.path)
    return socket
  } catch (error) {
    log.warn({ err: error }, 'no admin socket: commands cannot reach this server')
    return undefined
  }
}
