import { access, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { z } from 'zod'
import { checkKeys } from './check-keys.ts'
import { checkValues } from './check-values.ts'
import { ConfigError, type ConfigProblem, type Findings, formatFinding } from './config-error.ts'
import { readConfigFile } from './config-file.ts'
import { applyEnvironment, CONFIGURATION_PATH, chooseType, type Environment, findVariables, wholeEnvironment } from './environment.ts'
import { findInheritedSocket, noteInheritedSocket } from './inherited-socket.ts'
import { type Config, configSchema } from './schema.ts'
import { findSources } from './sources.ts'
import { findNearest, findNode, isNull, placeOf, type Section, toPlain } from './tree.ts'
import { readYaml } from './yaml.ts'

/** What `registry:2` has in its image. */
const REGISTRY_2 = `
version: 0.1
log: {fields: {service: registry}}
storage: {cache: {blobdescriptor: inmemory}, filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000", headers: {X-Content-Type-Options: [nosniff]}}
health: {storagedriver: {enabled: true, interval: 10s, threshold: 3}}
`

const WELL_KNOWN_FILES = ['/etc/distribution/config.yml', '/etc/docker/registry/config.yml'] // registry:3, registry:2

export interface LoadOptions {
  /** The configuration file; without it the one of REGISTRY_CONFIGURATION_PATH, of registry:3, of registry:2, or registry:2's own values. */
  readonly path?: string
  readonly environment?: Environment
  /** Looks for no file, and begins with registry:2's own values. */
  readonly defaults?: 'registry2'
}

export interface LoadedConfig {
  readonly config: Config
  /** Effective key → `default`, `config.yml:4` or the name of a variable. */
  readonly sources: ReadonlyMap<string, string>
  /** Sentences about what is ignored or surprising. */
  readonly warnings: readonly string[]
  /** The same, each with its key and place. */
  readonly findings: readonly ConfigProblem[]
  /** The file that was read; absent when there was none. */
  readonly path?: string
  /** The descriptor of a listening socket that systemd passed to this process: it takes the place of `http.addr` and `http.net`. */
  readonly inheritedSocket?: number
}

/**
 * The effective configuration of a file and the environment's `REGISTRY_*`.
 *
 * @throws ConfigError with every problem at once.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<LoadedConfig> {
  const environment = wholeEnvironment(options.environment ?? process.env)
  const path = await findConfigFile(options)
  const text = path === undefined ? REGISTRY_2 : await readConfigFile(path)
  const socket = findInheritedSocket(environment, process.pid)
  const loaded = parseConfig(text, path === undefined ? undefined : basename(path), environment, socket)
  return { ...loaded, ...(path === undefined ? {} : { path }), ...(socket === undefined ? {} : { inheritedSocket: socket }) }
}

/** The file that `loadConfig` would read; `undefined` for none, which gives registry:2's own values. */
export async function findConfigFile({ path, environment = process.env, defaults }: LoadOptions): Promise<string | undefined> {
  if (defaults) return undefined
  return path ?? environment[CONFIGURATION_PATH] ?? (await findWellKnownFile())
}

/** The configuration that `text` and `environment` make; `name` is the file's, absent for lacre's own defaults. */
function parseConfig(text: string, name: string | undefined, environment: Environment, socket?: number): LoadedConfig {
  const { tree, problems, warnings } = readYaml(text, name ?? 'default', name !== undefined)
  if (!tree) throw new ConfigError(problems.map((problem) => ({ ...problem, path: problem.path || (name ?? '') })))
  if (tree.kind !== 'section') {
    const message = isNull(tree) ? 'is empty' : `holds ${tree.kind === 'list' ? 'a list' : 'a single value'}, no keys`
    throw new ConfigError([{ path: name ?? '', message, suggestion: 'begin it with "version: 0.1"' }])
  }

  const findings: Findings = { problems: [], warnings: [...warnings] }
  for (const key of ['storage', 'auth']) chooseType(tree, key)
  applyEnvironment(tree, environment, findings)
  moveLogLevel(tree)
  if (socket !== undefined) noteInheritedSocket(tree, socket)
  checkValues(tree, findings)
  checkKeys(tree, findings)

  const result = configSchema.safeParse(toPlain(tree))
  const issues = result.error?.issues.map((issue) => toProblem(issue, tree)) ?? []
  const reported = new Set(findings.problems.map((problem) => problem.path))
  const all = [...findings.problems, ...issues.filter((issue) => !reported.has(issue.path))]
  if (!result.success || all.length > 0) throw new ConfigError(all, findings.warnings)
  return { config: result.data, sources: findSources(result.data, tree), warnings: findings.warnings.map(formatFinding), findings: findings.warnings }
}

/** The folder that holds everything where no configuration says so: LACRE_DATA, else `lacre-data` here. */
export function findDataFolder(environment: Environment = process.env): string {
  return environment['LACRE_DATA'] || './lacre-data'
}

/** A variable that a command line names, for example with `--passphrase-env`. */
export function findVariable(name: string, environment: Environment = process.env): string | undefined {
  return environment[name]
}

/** How systemd is told to pass the passphrase of the CA key: LoadCredential=lacre-pki-passphrase:FILE. */
const CREDENTIAL = 'lacre-pki-passphrase'

/**
 * The passphrase of the CA key: the first line of a file, else LACRE_PKI_PASSPHRASE, else systemd's credential `lacre-pki-passphrase`.
 *
 * @throws Error with a `hint` if the file cannot be read; a credential may be missing.
 */
export async function findPassphrase(file: string | undefined, environment: Environment = process.env): Promise<string | undefined> {
  if (file !== undefined) return readFirstLine(file)
  const folder = environment['CREDENTIALS_DIRECTORY']
  return environment['LACRE_PKI_PASSPHRASE'] || (folder ? readFirstLine(join(folder, CREDENTIAL)).catch(() => undefined) : undefined)
}

async function readFirstLine(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    const hint = 'check that lacre.pki.passphrasefile is right and that this user may read the file'
    throw Object.assign(new Error(`cannot read the passphrase of the CA key: ${cause.message}`, { cause }), { hint })
  })
  return /^[^\r\n]*/.exec(text)?.[0] || undefined
}

/** Partial values for `completeConfig`: durations in milliseconds, lists whole. */
export type ConfigOverrides = { readonly [K in keyof Config]?: Overrides<Config[K]> }
type Overrides<T> = T extends readonly unknown[] ? T : T extends object ? { readonly [K in keyof T]?: Overrides<T[K]> } : T

/** What `lacre up` decides by its options and arguments. */
const DECIDED = /^REGISTRY_(?:HTTP(?:_(?:ADDR|NET|TLS(?:_(?:CERTIFICATE|KEY|LETSENCRYPT.*))?))?|STORAGE(?:_FILESYSTEM.*)?|AUTH(?:_.*)?|LACRE(?:_ACME.*)?)$/

/**
 * registry:2's own values and the environment's `REGISTRY_*`, for a server that is set up by flags.
 *
 * @throws ConfigError for a variable that sets what the flags decide.
 */
export function loadVariables(environment: Environment = process.env): LoadedConfig {
  const whole = wholeEnvironment(environment)
  const contradicting = findVariables(whole).filter(([name]) => DECIDED.test(name))
  if (contradicting.length === 0) return parseConfig(REGISTRY_2, undefined, whole)
  const suggestion = 'unset it and use the options of "lacre up", or serve with "lacre serve", which takes it'
  throw new ConfigError(contradicting.map(([where]) => ({ path: '', where, message: 'sets what "lacre up" decides itself', suggestion })))
}

/** A configuration with `decided` in it, and `defaults` where neither those nor a variable say anything. */
export function completeConfig({ config, sources }: LoadedConfig, defaults: ConfigOverrides, decided: ConfigOverrides): Config {
  const isSaid = (path: string): boolean => (sources.get(path) ?? 'default') !== 'default'
  return configSchema.parse(merge(merge(config, without(defaults, isSaid)), decided))
}

function without(value: object, isSaid: (path: string) => boolean, parents = ''): object {
  const entries = Object.entries(value).filter(([key]) => !isSaid(parents + key))
  return Object.fromEntries(entries.map(([key, child]) => [key, isObject(child) ? without(child, isSaid, `${parents}${key}.`) : child]))
}

function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base
  if (!isObject(base) || !isObject(over)) return over
  const keys = new Set([...Object.keys(base), ...Object.keys(over)])
  return Object.fromEntries([...keys].map((key) => [key, merge(base[key], over[key])]))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

async function findWellKnownFile(): Promise<string | undefined> {
  for (const path of WELL_KNOWN_FILES) {
    const isThere = await access(path).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR', // one that may not be read is not skipped
    )
    if (isThere) return path
  }
  return undefined
}

/** The old `loglevel` counts where `log.level` is not set. */
function moveLogLevel(root: Section): void {
  const level = root.entries.get('loglevel')
  root.entries.delete('loglevel')
  if (!level || findNode(root, ['log', 'level'])) return
  const log = root.entries.get('log')
  if (log?.kind === 'section') log.entries.set('level', level)
  else root.entries.set('log', { kind: 'section', entries: new Map([['level', level]]), where: level.where })
}

function toProblem(issue: z.core.$ZodIssue, root: Section): ConfigProblem {
  const message = issue.code === 'custom' ? issue.message : issue.code === 'invalid_key' ? 'is no header name' : issue.message
  return { path: issue.path.join('.'), ...placeOf(findNearest(root, issue.path)), message }
}
