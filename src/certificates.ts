import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Acme } from './acme.ts'
import type { Config } from './config/schema.ts'
import type { OwnList } from './http/revocations.ts'
import { TlsFiles } from './http/tls-files.ts'
import type { Metrics } from './observability/metrics.ts'
import { authorityFolderOf, authorityPaths, serverPaths } from './pki/authority-files.ts'
import type { Problem } from './pki/certificate-problems.ts'
import { adoptFormerFolder } from './pki/former-folder.ts'
import type { OwnRenewal, RenewalStatus } from './pki/own-renewal.ts'
import { refuseProblems } from './pki/server-certificate.ts'
import type { RenewalPlace } from './renewal.ts'
import { STATE } from './volume/layout.ts'
import type { Owner } from './volume/owner.ts'

interface Edge {
  readonly log: Logger
  readonly metrics: Metrics
}

interface Choices {
  /** Who the files belong to that are made. */
  readonly owner: Owner | undefined
  /** Refuses a certificate that clients will trip over. */
  readonly isStrict: boolean
}

/** Where certificates stand, as a value for JSON. */
export interface CertificatesStatus {
  /** The file of the certificate that is served. */
  readonly path?: string
  /** Who renews it from a CA of our own. */
  readonly renewal?: RenewalStatus
  readonly problems: readonly Pick<Problem, 'sentence' | 'remedy'>[]
}

/** The certificates of a server: what it shows, what it asks of clients, and who renews them. */
export interface Certificates extends AsyncDisposable {
  /** Without it plain HTTP is served. */
  readonly tls: TlsFiles | undefined
  /** The folder of that CA, whether there is one or not. */
  readonly authorityFolder: string
  /** Listens for what an ACME server asks; `port` is that of HTTPS. @throws ListenError */
  listen(port: number | undefined): Promise<void>
  /** Begins to renew what is due. */
  start(): void
  /** What somebody should look after soon. */
  problems(): Problem[]
  status(): CertificatesStatus
}

/** @throws CertificateError if a server cannot start with the files that the configuration names. */
export async function openCertificates(config: Config, edge: Edge, { owner, isStrict }: Choices): Promise<Certificates> {
  const authorityFolder = join(config.storage.filesystem.rootdirectory, STATE, 'pki')
  if (!config.storage.maintenance.readonly.enabled) await adoptFormerFolder(authorityFolder)
  const acme = await findAcme(config, edge, owner)
  const tls = await openTls(config, edge, acme)
  if (isStrict && tls) refuseProblems(tls.current().problems)
  const reload = async () => tls?.look()
  const served = acme ? undefined : config.http.tls.certificate
  const renewal = await findRenewal(config, edge, { directory: authorityFolder, isServed: isSame(served, serverPaths(authorityFolder).certificate), reload })
  const problems = () => [tls, acme, renewal].flatMap((part) => part?.problems() ?? [])
  return {
    tls,
    authorityFolder,
    listen: async (port) => acme?.listen(port),
    start() {
      acme?.start(reload)
      renewal?.start()
    },
    problems,
    status: () => ({
      ...(tls && { path: acme?.files.certificate ?? config.http.tls.certificate ?? '' }),
      ...(renewal && { renewal: renewal.status() }),
      problems: problems().map(({ sentence, remedy }) => ({ sentence, remedy })),
    }),
    async [Symbol.asyncDispose]() {
      await Promise.all([tls, acme, renewal].map((part) => part?.[Symbol.asyncDispose]()))
    },
  }
}

/** Loads what it needs only where ACME is configured. */
async function findAcme(config: Config, edge: Edge, owner: Owner | undefined): Promise<Acme | undefined> {
  if (config.http.tls.letsencrypt.hosts.length === 0) return undefined
  return (await import('./acme.ts')).openAcme(config, edge, owner)
}

/** Loads what it needs only where there is a CA of our own, and its folder may be written to. */
async function findRenewal(config: Config, edge: Edge, place: RenewalPlace): Promise<OwnRenewal | undefined> {
  if (config.storage.maintenance.readonly.enabled || !existsSync(authorityPaths(place.directory).certificate)) return undefined
  return (await import('./renewal.ts')).openRenewal(config.lacre.pki, edge, place)
}

/** Whether two paths lead to one file. */
function isSame(path: string | undefined, other: string): boolean {
  return path !== undefined && existsSync(path) && existsSync(other) && realpathSync(path) === realpathSync(other)
}

/** The folders of CAs of our own: that of the volume, and those that client CAs are named in. */
function ownFolders(config: Config): string[] {
  const { clientcas } = config.http.tls
  const named = clientcas.flatMap((path) => [path, ...(existsSync(path) ? [realpathSync(path)] : [])])
  const folders = [join(config.storage.filesystem.rootdirectory, STATE, 'pki'), ...named.flatMap((path) => authorityFolderOf(path) ?? [])]
  return [...new Set(folders.map((folder) => (existsSync(folder) ? realpathSync(folder) : folder)))]
}

/** Loads what reads the ledger only where the list is missing or damaged. */
function ownList(directory: string): OwnList {
  return { path: authorityPaths(directory).listPem, findInLedger: async () => (await import('./renewal.ts')).findRevoked(directory) }
}

async function openTls(config: Config, { log, metrics }: Edge, acme: Acme | undefined): Promise<TlsFiles | undefined> {
  const { letsencrypt: _, ...rest } = config.http.tls
  const { certificate, key } = acme?.files ?? rest
  if (!certificate || !key) {
    log.warn('serving plain HTTP: passwords and images can be read and changed on the way; set http.tls.certificate and http.tls.key')
    return undefined
  }
  const warn = ({ sentence, remedy }: Problem): void => log.warn({ remedy }, sentence)
  const show = (notAfter: Date): void => metrics.certificateExpiry.set(notAfter.getTime() / 1000)
  const settings = { ...rest, certificate, key, challenges: acme?.challenges, clientauth: rest.clientcas.length > 0 ? rest.clientauth : undefined }
  const tls = await new TlsFiles(settings, {
    onProblem: warn,
    ownLists: ownFolders(config).map(ownList),
    onTurnedAway: ({ reason, sentence }) => {
      metrics.clientsTurnedAway.inc({ reason })
      log.info({ reason }, `turned away: ${sentence}`)
    },
    onChange: ({ leaf }) => {
      show(leaf.validToDate)
      log.info({ notAfter: leaf.validTo }, 'the changed TLS files are served from now on')
    },
  }).open()
  const { problems, leaf } = tls.current()
  problems.forEach(warn)
  show(leaf.validToDate)
  return tls
}
