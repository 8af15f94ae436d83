import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { listAccounts } from '../access/accounts.ts'
import type { ServerStatus } from '../app.ts'
import { loadConfig } from '../config/load.ts'
import { authorityPaths, serverPaths } from '../pki/authority-files.ts'
import { readCertificates } from '../pki/certificate-files.ts'
import { findOwnCertificates, type KeyPlace, serverDueAt } from '../pki/own-certificates.ts'
import type { RenewalStatus } from '../pki/own-renewal.ts'
import { STATE, V2 } from '../volume/layout.ts'
import { actAs, findForeignOwner } from '../volume/owner.ts'
import { findServer, NoRegistryError } from './admin-client.ts'
import { describeCertificate, formatField, formatNames } from './certificate-description.ts'
import { type VolumeOptions, withVolume } from './volume.ts'

/** How a registry stands; the keys are those of the JSON. */
interface Status {
  readonly data: string
  readonly images: string
  /** Of the server that runs. */
  readonly server?: Pick<ServerStatus, 'url' | 'addresses' | 'startedAt'>
  readonly users?: { readonly path: string; readonly accounts?: number }
  readonly certificate?: CertificateStatus
  /** Whether there is no certificate, rather than one that cannot be read. */
  readonly isPlain: boolean
  readonly authority?: AuthorityStatus
  readonly crl?: { readonly path: string; readonly revoked: number; readonly nextUpdate?: string }
  readonly warnings: ServerStatus['certificates']['problems']
}

interface CertificateStatus {
  readonly path: string
  readonly names: readonly string[]
  readonly notAfter: string
  readonly daysLeft: number
  readonly nextRenewal?: string
  readonly lastFailure?: RenewalStatus['lastFailure']
}

interface AuthorityStatus {
  readonly path: string
  readonly sha256: string
  readonly notAfter: string
  readonly daysLeft: number
  readonly key: KeyPlace
  readonly keyPath: string
}

const EXAMPLES = `
Examples:
  lacre status
  lacre status --data /var/lib/registry
  lacre status --config /etc/docker/registry/config.yml --json`

/** `lacre status`: a registry at a glance, with or without a server. */
export function statusCommand(data: string): Command {
  return withVolume(new Command('status').description('the server, its certificate, its users and where things are'), data)
    .addHelpText('after', EXAMPLES)
    .action(showStatus)
}

async function showStatus(options: VolumeOptions): Promise<void> {
  const status = await readStatus(await findPlaces(options))
  process.stdout.write(options.json ? `${JSON.stringify(status)}\n` : `${format(status).join('\n')}\n`)
}

/** Where to look; what a server that runs says goes before it. */
interface Places {
  readonly root: string
  readonly users: string | undefined
  readonly certificate: string | undefined
}

async function findPlaces({ data, config: path }: VolumeOptions): Promise<Places> {
  if (path === undefined) {
    const root = resolve(data)
    const users = join(root, STATE, 'htpasswd')
    return { root, users: existsSync(users) ? users : undefined, certificate: undefined }
  }
  const { config } = await loadConfig(path ? { path } : {})
  return { root: config.storage.filesystem.rootdirectory, users: config.auth.htpasswd?.path, certificate: config.http.tls.certificate }
}

async function readStatus({ root, ...places }: Places): Promise<Status> {
  if (![V2, STATE].some((folder) => existsSync(join(root, folder)))) throw new NoRegistryError(root)
  const running = (await findServer(root)) as ServerStatus | undefined
  actAs(findForeignOwner(root))
  const directory = join(root, STATE, 'pki')
  const users = running ? running.users : places.users
  const certificate = running ? running.certificates.path : (places.certificate ?? serverPaths(directory).certificate)
  const leaf = await orWarning(() => readCertificate(certificate, directory, running?.certificates.renewal))
  const authority = await orWarning(() => readAuthority(directory))
  return {
    data: root,
    images: join(root, V2),
    ...(running && { server: { url: running.url, addresses: running.addresses, startedAt: running.startedAt } }),
    ...(users !== undefined && { users: { path: users, ...(await countAccounts(users)) } }),
    isPlain: certificate === undefined || !existsSync(certificate),
    ...leaf.found,
    ...authority.found,
    warnings: [...(running?.certificates.problems ?? []), ...leaf.warnings, ...authority.warnings],
  }
}

/** One bad file must not hide all the rest. */
async function orWarning<T>(read: () => Promise<T>): Promise<{ found?: T; warnings: Status['warnings'] }> {
  try {
    return { found: await read(), warnings: [] }
  } catch (error) {
    const { message, path = 'the file', hint = `see who may read ${path}` } = error as NodeJS.ErrnoException & { hint?: string }
    return { warnings: [{ sentence: message, remedy: hint }] }
  }
}

/** A file that this user may not read has no number. */
async function countAccounts(path: string): Promise<{ accounts?: number }> {
  return listAccounts(path).then(
    ({ length }) => ({ accounts: length }),
    () => ({}),
  )
}

async function readCertificate(path: string | undefined, directory: string, renewal: RenewalStatus | undefined): Promise<Pick<Status, 'certificate'>> {
  if (path === undefined || !existsSync(path)) return {}
  const [leaf] = await readCertificates(path)
  const { names, notAfter, daysLeft } = describeCertificate(leaf)
  const isOwn = path === serverPaths(directory).certificate
  const { nextRenewal = isOwn && !renewal ? await findDueDate(directory) : undefined, lastFailure } = (isOwn && renewal) || {}
  return { certificate: { path, names, notAfter, daysLeft, ...(nextRenewal !== undefined && { nextRenewal }), ...(lastFailure && { lastFailure }) } }
}

async function findDueDate(directory: string): Promise<string | undefined> {
  const own = await findOwnCertificates(directory).catch(() => undefined) // readAuthority tells why
  const at = own && own.key !== 'offline' && own.key !== 'damaged' ? serverDueAt(own) : undefined
  return at === undefined ? undefined : new Date(at).toISOString()
}

async function readAuthority(directory: string): Promise<Pick<Status, 'authority' | 'crl'>> {
  const own = await findOwnCertificates(directory)
  if (!own) return {}
  const { authority, key, list } = own
  const paths = authorityPaths(directory)
  const { sha256, notAfter, daysLeft } = describeCertificate(authority)
  const nextUpdate = list?.nextUpdate?.toISOString()
  return {
    authority: { path: paths.certificate, sha256, notAfter, daysLeft, key, keyPath: paths.key },
    ...(list && { crl: { path: paths.listPem, revoked: list.serials.size, ...(nextUpdate !== undefined && { nextUpdate }) } }),
  }
}

const WIDTH = 13

/** A word and what belongs to it, each on lines of its own. */
type Field = [name: string, ...lines: string[]]

function format(status: Status): string[] {
  const { server, data, images, users, certificate, isPlain, authority, crl, warnings } = status
  const fields: Field[] = [
    ['server', ...(server ? [server.url, `since ${minute(server.startedAt)}`] : ['none runs that answers this user'])],
    ['data', data],
    ['images', images],
    [
      'users',
      ...(users
        ? [users.path, ...(users.accounts === undefined ? [] : [count(users.accounts, 'account')])]
        : ['no file of users: everybody may do everything']),
    ],
    [
      'certificate',
      ...(certificate ? certificateLines(certificate, server !== undefined) : [isPlain ? 'none: plain HTTP' : 'cannot be read: the warning says why']),
    ],
    ...(authority ? [['authority', ...authorityLines(authority)] as Field, ['SHA-256', authority.sha256] as Field] : []),
    ...(crl
      ? [
          ['revoked', crl.path, `${count(crl.revoked, 'certificate')}${crl.nextUpdate ? `; the list is good until ${day(crl.nextUpdate)}` : ''}`] as [
            string,
            ...string[],
          ],
        ]
      : []),
    ...warnings.map(({ sentence, remedy }): Field => ['warning', sentence, remedy]),
  ]
  return fields.flatMap(([name, ...lines]) => lines.flatMap((line, index) => formatField(index === 0 ? name : '', line, WIDTH)))
}

function certificateLines({ path, names, notAfter, daysLeft, nextRenewal, lastFailure }: CertificateStatus, isServing: boolean): string[] {
  return [
    path,
    `for ${formatNames(names)}`,
    life(daysLeft, notAfter),
    ...(nextRenewal ? [isServing ? `the server renews it on ${day(nextRenewal)}` : `due on ${day(nextRenewal)}: a server that runs renews it`] : []),
    ...(lastFailure ? [`the ${lastFailure.what} could not be renewed at ${minute(lastFailure.at)}; next try ${minute(lastFailure.retryAt)}`] : []),
  ]
}

const KEY_WORDS: Readonly<Record<KeyPlace, string>> = {
  online: 'its key is here, online',
  encrypted: 'its key is here, encrypted',
  damaged: 'its key is here, but damaged',
  offline: 'its key is not here',
}

function authorityLines({ path, notAfter, daysLeft, key, keyPath }: AuthorityStatus): string[] {
  return [path, life(daysLeft, notAfter), `${KEY_WORDS[key]}${key === 'offline' ? '' : `: ${keyPath}`}`]
}

function life(daysLeft: number, notAfter: string): string {
  return daysLeft < 0 ? `over since ${day(notAfter)}` : `${count(daysLeft, 'day')} left, until ${day(notAfter)}`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function day(time: string): string {
  return time.slice(0, 10)
}

function minute(time: string): string {
  return `${time.slice(0, 16).replace('T', ' ')} UTC`
}
