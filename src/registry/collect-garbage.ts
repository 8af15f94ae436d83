import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import { layerLink, revisionLink } from '../volume/layout.ts'
import { hasTaggedLayers, selectLayers } from './layer-rows.ts'
import { unlinkLayer } from './layers.ts'
import { removeManifest } from './manifests.ts'
import { type Registry, refuseUnlessWritable, sightingKey } from './registry.ts'
import { everyRepository, findRepositoryId } from './repositories.ts'
import { type Holder, hasUnreadableRevisions, type RevisionLinks, selectHolders, selectReferences, selectRevisionLinks } from './revision-rows.ts'
import { settleAll, settleUnderLock, withRepository } from './settle.ts'

export interface CollectionOptions {
  /** Only tells what would go. */
  readonly dryRun?: boolean
  /** Also manifests that no tag, no index and no living subject holds. */
  readonly deleteUntagged?: boolean
  /** How long what nothing uses is kept, in milliseconds. */
  readonly graceMs: number
  /** Whether clients are served meanwhile: then grace runs from the first sight in this process at least. */
  readonly isServing: boolean
  readonly onCollected?: (collected: Collected) => void
}

export type Collected =
  | { readonly kind: 'manifest' | 'layer'; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'blob'; readonly digest: Digest; readonly size: number }
  | { readonly kind: 'kept'; readonly repository: RepositoryName; readonly reason: string }

export interface CollectionSummary {
  readonly manifests: number
  readonly layers: number
  readonly blobs: number
  /** Of the blobs, in bytes. */
  readonly bytes: number
}

/**
 * Removes what nothing uses any more: manifests without a tag when asked, then links to layers that no manifest of their
 * repository names, then bytes that no link names. While serving, pushes go on; whatever is in doubt stays.
 *
 * @throws CollectionRefusedError when a repository cannot be read: then nothing can be called unused.
 */
export async function collectGarbage(registry: Registry, options: CollectionOptions): Promise<CollectionSummary> {
  const { generation } = registry.rows
  await settleAll(registry)
  const { failed, unseen } = registry.settlement
  for (const name of [...failed]) await registry.locks.repository.run(name, () => settleUnderLock(registry, name)) // one without a folder is in no list
  const [unknown] = [...unseen.keys(), ...failed]
  if (unknown !== undefined) throw new CollectionRefusedError(unknown)
  const summary = { manifests: 0, layers: 0, blobs: 0, bytes: 0 }
  const collected = (item: Collected): void => {
    if (item.kind === 'blob') summary.bytes += item.size
    if (item.kind !== 'kept') summary[`${item.kind}s`]++
    options.onCollected?.(item)
  }
  const planned = new Set<string>() // links that a dry run leaves where they are
  for await (const repository of everyRepository(registry)) await collectRepository(registry, repository, { ...options, onCollected: collected }, planned)
  await collectBytes(registry, { ...options, onCollected: collected }, generation, planned)
  return summary
}

/** What is in use is not known. */
class CollectionRefusedError extends Error {
  readonly hint = '"lacre check" says what is wrong with it'

  constructor(unknown: string) {
    super(`cannot collect: ${unknown} could not be read, so what is in use is not known`)
    this.name = 'CollectionRefusedError'
  }
}

type Options = CollectionOptions & { readonly onCollected: (collected: Collected) => void }

/** What would go of one repository. */
interface Plan {
  readonly manifests: readonly Digest[]
  readonly layers: readonly Digest[]
}

async function collectRepository(registry: Registry, repository: RepositoryName, options: Options, planned: Set<string>): Promise<void> {
  await withRepository(registry, repository, async () => {
    const id = registry.rows.read((index) => findRepositoryId(index, repository))
    if (id === undefined) return
    const reason = findDoubt(registry, repository, id)
    if (reason) return options.onCollected({ kind: 'kept', repository, reason })
    const { generation } = registry.rows
    const plan = await planRepository(registry, repository, id, options)
    if (registry.rows.generation !== generation) return // made from rows of an index that is no more
    if (options.dryRun) {
      for (const link of plan.manifests) planned.add(keyOf({ repository_id: id, kind: 'revision', link }))
      for (const link of plan.layers) planned.add(keyOf({ repository_id: id, kind: 'layer', link }))
    } else await carryOut(registry, repository, plan)
    for (const digest of plan.manifests) options.onCollected({ kind: 'manifest', repository, digest })
    for (const digest of plan.layers) options.onCollected({ kind: 'layer', repository, digest })
  })
}

/** Why it cannot be told what a repository uses. */
function findDoubt(registry: Registry, repository: RepositoryName, id: number): string | undefined {
  if (registry.settlement.doubtful.has(repository)) return 'a tag of it cannot be read, so what is untagged is not known; "lacre check" names it'
  if (registry.rows.read((index) => hasUnreadableRevisions(index, id)))
    return 'a manifest of it cannot be read, so what it uses is not known; "lacre check" names it'
  if (registry.rows.read((index) => hasTaggedLayers(index, id)))
    return 'a tag of it stands for a manifest that an old registry linked as a layer, so what it uses is not known; push it again'
  return undefined
}

async function planRepository(registry: Registry, repository: RepositoryName, id: number, options: Options): Promise<Plan> {
  const revisions = registry.rows.read((index) => selectRevisionLinks(index, id))
  const living = await findLiving(registry, repository, id, { revisions, options })
  const manifests = revisions.map(({ digest }) => digest).filter((digest) => !living.has(digest))
  const used = new Set<Digest>()
  for (const { digest } of revisions) {
    if (living.has(digest)) for (const named of registry.rows.read((index) => selectReferences(index, id, digest))) used.add(named)
  }
  const layers: Digest[] = []
  for (const { digest, target } of registry.rows.read((index) => selectLayers(index, id))) {
    if (used.has(digest) || used.has(target)) continue
    if (manifests.includes(digest))
      layers.push(digest) // as DELETE takes it along
    else if (await isGraceOver(registry, { repository, path: layerLink(repository, digest), digest }, options)) layers.push(digest)
  }
  return { manifests, layers }
}

async function carryOut(registry: Registry, repository: RepositoryName, { manifests, layers }: Plan): Promise<void> {
  for (const digest of manifests) await removeManifest(registry, repository, digest)
  for (const digest of layers) await unlinkLayer(registry, repository, digest)
}

interface Candidates {
  readonly revisions: readonly RevisionLinks[]
  readonly options: Options
}

/** Manifests that are tagged or in their grace, what living indexes hold, and what refers to a living subject. All of them, unless untagged ones are asked for. */
async function findLiving(registry: Registry, repository: RepositoryName, id: number, { revisions, options }: Candidates): Promise<Set<Digest>> {
  if (!options.deleteUntagged) return new Set(revisions.map(({ digest }) => digest))
  const referrers = Map.groupBy(revisions, ({ subject }) => subject)
  const living = new Set<Digest>()
  const pending: Digest[] = []
  for (const { digest, isTagged } of revisions) {
    if (isTagged || !(await isGraceOver(registry, { repository, path: revisionLink(repository, digest), digest }, options))) pending.push(digest)
  }
  for (let digest = pending.pop(); digest; digest = pending.pop()) {
    if (living.has(digest)) continue
    living.add(digest)
    const manifest = digest
    pending.push(...registry.rows.read((index) => selectReferences(index, id, manifest)))
    pending.push(...(referrers.get(manifest) ?? []).map((referrer) => referrer.digest))
  }
  return living
}

interface Link {
  readonly repository: RepositoryName
  readonly path: string
  readonly digest: Digest
}

async function isGraceOver(registry: Registry, { repository, path, digest }: Link, { graceMs, isServing }: Options): Promise<boolean> {
  const stat = await registry.volume.driver.stat(path)
  if (!stat) return false
  const now = registry.clock.now()
  if (now - Math.min(stat.mtimeMs, now) < graceMs) return false
  if (!isServing) return true
  const { monotonic } = registry.clock
  const firstSeen = registry.settlement.firstSeen.get(repository) ?? monotonic()
  const lastSeen = registry.sightings.get(sightingKey(repository, digest)) ?? firstSeen
  return monotonic() - Math.max(firstSeen, lastSeen) >= graceMs
}

/** Bytes without links. Each is looked at once more under its digest's lock, where no link to it can be made. */
async function collectBytes(registry: Registry, options: Options, generation: number, planned: ReadonlySet<string>): Promise<void> {
  for await (const digest of registry.blobs.walk()) {
    if (isHeld(registry, digest, planned)) continue
    await registry.locks.digest.run(digest, async () => {
      refuseUnlessWritable(registry)
      const areRowsWhole = registry.rows.generation === generation && registry.settlement.failed.size === 0 && registry.settlement.unseen.size === 0
      if (!areRowsWhole || isHeld(registry, digest, planned)) return
      const size = (await registry.blobs.findSize(digest)) ?? 0
      if (!options.dryRun && !(await removeBytes(registry, digest))) return // another collection was here before
      options.onCollected({ kind: 'blob', digest, size })
    })
  }
}

function isHeld(registry: Registry, digest: Digest, planned: ReadonlySet<string>): boolean {
  return registry.rows.read((index) => selectHolders(index, digest)).some((holder) => !planned.has(keyOf(holder)))
}

const keyOf = ({ repository_id, kind, link }: Holder): string => `${repository_id} ${kind} ${link}`

/** `false` when there was nothing left. */
async function removeBytes(registry: Registry, digest: Digest): Promise<boolean> {
  registry.manifests.delete(digest)
  const isRemoved = await registry.blobs.remove(digest)
  registry.damage.clear(digest)
  return isRemoved
}
