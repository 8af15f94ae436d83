import { Command } from 'commander'
import { loadConfig } from '../config/load.ts'
import type { Finding } from '../registry/check.ts'
import type { Collected, CollectionSummary } from '../registry/collect-garbage.ts'
import type { OperationLine } from '../registry/operations.ts'
import type { SweptUpload } from '../registry/sweep.ts'
import { operate } from './admin-client.ts'
import { listRemoteRepositories, listRemoteTags, type RemoteOptions, withRemote } from './remote.ts'
import { formatBytes, startProgress } from './terminal.ts'

const HOUR_MS = 3_600_000
const DEFAULT_GRACE_MS = 24 * HOUR_MS

export const CONFIG_FOR_COLLECTION = 'configuration file that names the volume'

export interface VolumeOptions {
  readonly data: string
  /** A configuration's path; an empty one looks where `serve` would. */
  readonly config?: string
  readonly json?: boolean
}

/** `lacre repo list`: the repositories of a volume, or of a server far away. */
export function repoCommand(data: string): Command {
  const list = withRemote(withVolume(new Command('list').description('list the repositories'), data))
    .addHelpText('after', '\nExamples:\n  lacre repo list\n  lacre repo list --server https://registry.intranet --user alice --ca ca.crt')
    .action((options: VolumeOptions & RemoteOptions) =>
      print(options, options.server ? listRemoteRepositories(options) : listHere(options, 'list-repositories')),
    )
  return new Command('repo').description('the repositories').addCommand(list).addHelpText('after', '\nExample:\n  lacre repo list')
}

/** `lacre tag list REPOSITORY`. */
export function tagCommand(data: string): Command {
  const list = withRemote(withVolume(new Command('list').description('list the tags of a repository').argument('<repository>'), data))
    .addHelpText('after', '\nExamples:\n  lacre tag list team/app\n  lacre tag list team/app --server https://registry.intranet:5000 --user alice')
    .action((repository: string, options: VolumeOptions & RemoteOptions) =>
      print(options, options.server ? listRemoteTags(options, repository) : listHere(options, 'list-tags', { repository })),
    )
  return new Command('tag').description('the tags of a repository').addCommand(list).addHelpText('after', '\nExample:\n  lacre tag list team/app')
}

/** `lacre gc`: collection, while serving or not. */
export function gcCommand(data: string): Command {
  return withVolume(new Command('gc').description('remove what nothing uses any more'), data)
    .option('-d, --dry-run', 'only tell what would go')
    .option('-m, --delete-untagged', 'also manifests that no tag, index or living subject holds')
    .option('--grace <hours>', 'how long what nothing uses is kept, in hours; 24 or what the configuration says')
    .option('-q, --quiet', 'only the summary')
    .addHelpText('after', '\nExamples:\n  lacre gc --dry-run\n  lacre gc --config /etc/docker/registry/config.yml --delete-untagged')
    .action(collect)
}

/** `lacre check`: every link, row and digest. Exit code 1 when something is wrong. */
export function checkCommand(data: string): Command {
  return withVolume(new Command('check').description('look for what is damaged, missing or orphaned'), data)
    .option('--bytes', 'also read and hash every blob')
    .addHelpText('after', '\nExample:\n  lacre check --bytes')
    .action(check)
}

/** `lacre reindex`: builds the index anew from the volume. */
export function reindexCommand(data: string): Command {
  return withVolume(new Command('reindex').description('build the index anew from the volume, after edits by hand'), data)
    .addHelpText('after', '\nExample:\n  lacre reindex')
    .action(async (options: VolumeOptions) => {
      const { root } = await locate(options)
      const result = (await operate({ root, name: 'reindex', parameters: {}, onLine: () => undefined })) as { repositories: number }
      process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${result.repositories} repositories indexed\n`)
    })
}

/** `lacre upload purge`: removes what was never finished. */
export function uploadCommand(data: string): Command {
  const purge = withVolume(new Command('purge').description('remove uploads that were never finished'), data)
    .option('--age <hours>', 'how long nothing may have arrived for one, in hours', '168')
    .option('-d, --dry-run', 'only tell what would go')
    .addHelpText('after', '\nExample:\n  lacre upload purge --age 24 --dry-run')
    .action(purgeUploads)
  return new Command('upload').description('uploads that are not finished').addCommand(purge).addHelpText('after', '\nExample:\n  lacre upload purge --age 24')
}

async function purgeUploads(options: VolumeOptions & { readonly age: string; readonly dryRun?: boolean }): Promise<void> {
  const { root } = await locate(options)
  const parameters = { ageMs: readHours('--age', options.age), dryRun: options.dryRun === true }
  const onLine = (line: OperationLine): void => {
    if ('item' in line) process.stdout.write(options.json ? `${JSON.stringify(line.item)}\n` : `${formatUpload(line.item as SweptUpload)}\n`)
  }
  const { swept } = (await operate({ root, name: 'sweep-uploads', parameters, onLine })) as { swept: number }
  process.stdout.write(options.json ? `${JSON.stringify({ swept })}\n` : `${swept} uploads ${options.dryRun ? 'would be removed' : 'removed'}\n`)
}

function formatUpload({ repository, id, ageMs }: SweptUpload): string {
  return `upload    ${repository} ${id} (${Math.floor(ageMs / HOUR_MS)} h)`
}

function readHours(option: string, text: string): number {
  const hours = Number(text)
  if (text.trim() === '' || !(hours >= 0)) throw Object.assign(new Error(`${option} ${text} is no number of hours`), { hint: `for example ${option} 24` })
  return hours * HOUR_MS
}

export interface CollectOptions {
  readonly data?: string
  readonly config?: string
  readonly json?: boolean
  readonly dryRun?: boolean
  readonly deleteUntagged?: boolean
  readonly grace?: string
  readonly quiet?: boolean
}

/** Collects on the volume that the options name, and prints what went and a summary. */
export async function collect(options: CollectOptions): Promise<void> {
  const { root, graceMs } = await locate({ data: '', ...options })
  const grace = options.grace === undefined ? graceMs : readHours('--grace', options.grace)
  const parameters = { dryRun: options.dryRun === true, deleteUntagged: options.deleteUntagged === true, graceMs: grace }
  const onLine = (line: OperationLine): void => {
    if (!options.quiet && 'item' in line) process.stdout.write(options.json ? `${JSON.stringify(line.item)}\n` : `${formatCollected(line.item as Collected)}\n`)
  }
  const summary = (await operate({ root, name: 'collect-garbage', parameters, onLine })) as CollectionSummary
  const { manifests, layers, blobs, bytes } = summary
  const verb = options.dryRun ? 'would be removed' : 'removed'
  const sentence = `${manifests} manifests, ${layers} links and ${blobs} blobs (${formatBytes(bytes)}) ${verb}`
  process.stdout.write(options.json ? `${JSON.stringify({ summary })}\n` : `${sentence}\n`)
}

async function check(options: VolumeOptions & { readonly bytes?: boolean }): Promise<void> {
  const { root } = await locate(options)
  const progress = startProgress('checked')
  const onLine = (line: OperationLine): void => {
    if ('progress' in line) progress.show(line.progress)
    else progress.print(options.json ? JSON.stringify(line.item) : formatFinding(line.item as Finding))
  }
  const { findings } = (await operate({ root, name: 'check', parameters: { bytes: options.bytes === true }, onLine })) as { findings: number }
  progress.stop()
  process.stdout.write(options.json ? `${JSON.stringify({ findings })}\n` : findings === 0 ? 'everything is in order\n' : `${findings} findings\n`)
  if (findings > 0) process.exitCode = 1
}

/** Adds the options that name a volume. */
export function withVolume(command: Command, data: string): Command {
  return command
    .option('--data <dir>', 'folder that holds the registry', data)
    .option('--config <file>', 'the configuration that names the folder instead')
    .option('--json', 'one JSON document a line')
}

/** The volume that the options name, and what its configuration says of collection. */
export async function locate({ data, config }: VolumeOptions): Promise<{ root: string; graceMs: number }> {
  if (config === undefined) return { root: data, graceMs: DEFAULT_GRACE_MS }
  const loaded = await loadConfig(config ? { path: config } : {})
  return { root: loaded.config.storage.filesystem.rootdirectory, graceMs: loaded.config.lacre.gc.grace }
}

async function* listHere(options: VolumeOptions, name: 'list-repositories' | 'list-tags', parameters: Record<string, unknown> = {}): AsyncGenerator<string> {
  const { root } = await locate(options)
  const items: string[] = []
  await operate({ root, name, parameters, onLine: (line) => void ('item' in line && items.push(String(line.item))) })
  yield* items
}

async function print({ json }: VolumeOptions, names: AsyncIterable<string>): Promise<void> {
  for await (const name of names) process.stdout.write(json ? `${JSON.stringify(name)}\n` : `${name}\n`)
}

function formatCollected(item: Collected): string {
  if (item.kind === 'kept') return `kept      ${item.repository}: ${item.reason}`
  if (item.kind === 'blob') return `blob      ${item.digest} (${formatBytes(item.size)})`
  return `${item.kind.padEnd(9)} ${item.repository}@${item.digest}`
}

function formatFinding({ kind, path, sentence }: Finding): string {
  return `${kind.padEnd(8)} ${path}\n         ${sentence}`
}
