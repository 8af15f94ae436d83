import { parseRepositoryName } from '../oci/name.ts'
import { checkVolume } from './check.ts'
import { collectGarbage } from './collect-garbage.ts'
import type { Registry } from './registry.ts'
import { reindex } from './reindex.ts'
import { listRepositories } from './repositories.ts'
import { sweepUploads } from './sweep.ts'
import { listTags } from './tags.ts'

/** What an operation is told, and whom it tells: the same on the command line and through a running server's admin socket. */
export interface OperationContext {
  /** Whether clients are served meanwhile. */
  readonly isServing: boolean
  /** Takes one line of output, as plain data. */
  readonly emit: (line: OperationLine) => void
}

export type OperationLine = { readonly item: unknown } | { readonly progress: number }

type Parameters = Readonly<Record<string, unknown>>
type Operation = (registry: Registry, parameters: Parameters, context: OperationContext) => Promise<unknown>

const PAGE = 1000

/** What an operator may ask of a volume, by name. Parameters and results are plain data. */
export const operations = {
  /** Items: repository names, in lexical order. */
  async 'list-repositories'(registry, _parameters, { emit }) {
    for (let after = '', more = true; more; ) {
      const page = await listRepositories(registry, { limit: PAGE, after })
      for (const item of page.repositories) emit({ item })
      more = page.more
      after = page.repositories.at(-1) ?? after
    }
    return {}
  },
  /** Items: tags of `repository`, in lexical order. */
  async 'list-tags'(registry, { repository }, { emit }) {
    const { tags } = await listTags(registry, parseRepositoryName(String(repository)), {})
    for (const item of tags) emit({ item })
    return {}
  },
  /** Items: what was (with `dryRun`: would be) collected. Result: counts. */
  'collect-garbage'(registry, { dryRun, deleteUntagged, graceMs }, { isServing, emit }) {
    const onCollected = (item: unknown) => emit({ item })
    return collectGarbage(registry, { dryRun: dryRun === true, deleteUntagged: deleteUntagged === true, graceMs: Number(graceMs), isServing, onCollected })
  },
  /** Items: findings. Result: how many. */
  async check(registry, { bytes }, { emit }) {
    const onProgress = (progress: number) => emit({ progress })
    return { findings: await checkVolume(registry, { bytes: bytes === true, onFinding: (item) => emit({ item }), onProgress }) }
  },
  async reindex(registry) {
    return { repositories: await reindex(registry) }
  },
  /** Items: uploads that were (with `dryRun`: would be) removed. Result: how many. */
  async 'sweep-uploads'(registry, { ageMs, dryRun }, { emit }) {
    return { swept: await sweepUploads(registry, { ageMs: Number(ageMs), dryRun: dryRun === true, onSwept: (item) => emit({ item }) }) }
  },
} satisfies Record<string, Operation>

export type OperationName = keyof typeof operations

/** Runs an operation by name. */
export function runOperation(registry: Registry, name: OperationName, parameters: Parameters, context: OperationContext): Promise<unknown> {
  const operation: Operation = operations[name]
  return operation(registry, parameters, context)
}

export function isOperationName(text: string): text is OperationName {
  return Object.hasOwn(operations, text)
}
