import { setImmediate as nextTurn } from 'node:timers/promises'
import type { IndexDatabase } from '../metadata/connect.ts'
import { type Digest, type DigestAlgorithm, findDigest, isDigestAlgorithm } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import { findTagName, type Tag } from '../oci/reference.ts'
import { layerLink, layersFolder, parentOf, revisionLink, revisionsFolder, tagCurrentLink, tagHistoryFolder, tagsFolder } from '../volume/layout.ts'
import { isSystemError } from '../volume/links.ts'
import { deleteLayer, insertLayer, type LayerRow, selectLayers } from './layer-rows.ts'
import type { Registry } from './registry.ts'
import { deleteRevision, insertRevision, insertUnreadableRevision, type RevisionRow, selectRevisions } from './revision-rows.ts'
import type { Rows } from './rows.ts'
import { findServedManifest } from './stored-manifests.ts'
import { deleteHistory, deleteTagRow, insertHistory, insertTag, selectHistoryRows, selectTagRows } from './tag-rows.ts'

const AT_ONCE = 32 // files looked at together
const ROWS_AT_ONCE = 500 // rows changed in one step, so that others get their turn

/** Changes rows, inside a transaction. */
export type Change = (index: IndexDatabase) => void

/** What the index says of a repository. */
export interface KnownRows {
  readonly id: number
  readonly layers: readonly LayerRow[]
  readonly revisions: ReturnType<typeof selectRevisions>
  readonly tags: ReturnType<typeof selectTagRows>
  readonly history: ReturnType<typeof selectHistoryRows>
}

export function readKnownRows({ rows }: Registry, id: number): KnownRows {
  return rows.read((index) => ({
    id,
    layers: selectLayers(index, id),
    revisions: selectRevisions(index, id),
    tags: selectTagRows(index, id),
    history: selectHistoryRows(index, id),
  }))
}

export const noRows = (id: number): KnownRows => ({ id, layers: [], revisions: [], tags: [], history: [] })

/** Inside a transaction. */
export function deleteRowsOf(index: IndexDatabase, id: number): void {
  for (const table of ['repository_blob', 'manifest', 'manifest_reference', 'tag', 'tag_history'] as const) {
    index.run(index.build.deleteFrom(table).where('repository_id', '=', id))
  }
}

/** What makes the rows of layer links equal to the volume: presence and size. Under the repository's lock. */
export async function layerChanges(registry: Registry, repository: RepositoryName, { id, layers }: KnownRows): Promise<Change[]> {
  const digests = await listDigests(registry, (algorithm) => layersFolder(repository, algorithm))
  const found = new Map<Digest, LayerRow>()
  await inBatches(digests, async (digest) => {
    const target = await registry.links.look(layerLink(repository, digest))
    if (target === 'unreadable') found.set(digest, { digest, target: digest, size: -1 })
    else if (target !== 'missing') found.set(digest, { digest, target, size: (await registry.blobs.findSize(target)) ?? -1 })
  })
  const rows = new Map(layers.map((row) => [row.digest, row]))
  const gone = [...rows.keys()].filter((digest) => !found.has(digest))
  const changed = [...found.values()].filter((layer) => !isSameLayer(layer, rows.get(layer.digest)))
  return [
    ...gone.map(
      (digest): Change =>
        (index) =>
          deleteLayer(index, id, digest),
    ),
    ...changed.map(
      (layer): Change =>
        (index) =>
          insertLayer(index, id, layer),
    ),
  ]
}

/** What makes the rows of manifests equal to the volume. Those whose link or bytes cannot be read, or are no manifest, are marked so. */
export async function revisionChanges(registry: Registry, repository: RepositoryName, { id, revisions }: KnownRows): Promise<Change[]> {
  const digests = await listDigests(registry, (algorithm) => revisionsFolder(repository, algorithm))
  const rows = new Map(revisions.map(({ digest, size }) => [digest, size]))
  const linked = new Set<Digest>()
  const changes: Change[] = []
  await inBatches(digests, async (digest) => {
    const link = await registry.links.look(revisionLink(repository, digest))
    if (link === 'missing') return
    linked.add(digest)
    const size = link === 'unreadable' ? -1 : ((await registry.blobs.findSize(digest)) ?? -1)
    if (rows.get(digest) === size && size >= 0) return
    const revision = size < 0 ? undefined : await readRevision(registry, digest)
    if (revision) changes.push((index) => insertRevision(index, id, revision))
    else if (rows.get(digest) !== -1) changes.push((index) => insertUnreadableRevision(index, id, digest))
  })
  const gone = [...rows.keys()]
    .filter((digest) => !linked.has(digest))
    .map(
      (digest): Change =>
        (index) =>
          deleteRevision(index, id, digest),
    )
  return [...gone, ...changes]
}

/** What makes the rows of tags and of their history equal to the volume. A tag without a readable link is none, but its history will be that of the next push. */
export async function tagAndHistoryChanges(registry: Registry, repository: RepositoryName, known: KnownRows): Promise<Change[]> {
  const names = (await registry.volume.driver.list(tagsFolder(repository))).map(({ name }) => findTagName(name)).filter((name) => name !== undefined)
  const current = new Map<Tag, Digest>()
  const history = new Map<Tag, readonly Digest[]>()
  await inBatches(names, async (tag) => {
    const link = await registry.links.look(tagCurrentLink(repository, tag))
    if (link === 'unreadable') registry.settlement.doubtful.add(repository)
    const digest = link === 'missing' || link === 'unreadable' ? undefined : link
    if (digest) current.set(tag, digest)
    const digests = await listDigests(registry, (algorithm) => tagHistoryFolder(repository, tag, algorithm))
    history.set(tag, [...new Set([...(digest ? [digest] : []), ...digests])])
  })
  return [...tagChanges(known, current), ...historyChanges(known, history)]
}

function tagChanges({ id, tags }: KnownRows, current: ReadonlyMap<Tag, Digest>): Change[] {
  const rows = new Map(tags.map(({ name, digest }) => [name, digest]))
  const gone = [...rows.keys()].filter((tag) => !current.has(tag))
  const moved = [...current].filter(([tag, digest]) => rows.get(tag) !== digest)
  return [
    ...gone.map(
      (tag): Change =>
        (index) =>
          deleteTagRow(index, id, tag),
    ),
    ...moved.map(
      ([tag, digest]): Change =>
        (index) =>
          insertTag(index, id, tag, digest),
    ),
  ]
}

function historyChanges({ id, history: rows }: KnownRows, history: ReadonlyMap<Tag, readonly Digest[]>): Change[] {
  const known = new Set(rows.map(({ tag, digest }) => `${tag}@${digest}`))
  const gone = rows.filter(({ tag, digest }) => !history.get(tag)?.includes(digest))
  const added = [...history].flatMap(([tag, digests]) => digests.filter((digest) => !known.has(`${tag}@${digest}`)).map((digest) => ({ tag, digest })))
  return [
    ...gone.map(
      ({ tag, digest }): Change =>
        (index) =>
          deleteHistory(index, id, tag, digest),
    ),
    ...added.map(
      ({ tag, digest }): Change =>
        (index) =>
          insertHistory(index, id, tag, digest),
    ),
  ]
}

async function readRevision(registry: Registry, digest: Digest): Promise<RevisionRow | undefined> {
  const manifest = await findServedManifest(registry, digest).catch(unlessReadable)
  return manifest && { digest, size: manifest.bytes.byteLength, parsed: manifest.parsed }
}

function unlessReadable(error: unknown): undefined {
  if (!isSystemError(error)) throw error
}

const isSameLayer = (layer: LayerRow, row: LayerRow | undefined): boolean => row?.target === layer.target && row.size === layer.size

/** @NOTE the algorithms that are there are looked up first: a folder that is missing costs an exception, and there are many. */
async function listDigests({ volume: { driver } }: Registry, folderOf: (algorithm: DigestAlgorithm) => string): Promise<Digest[]> {
  const algorithms = (await driver.list(parentOf(folderOf('sha256')))).map(({ name }) => name).filter(isDigestAlgorithm)
  const lists = await Promise.all(
    algorithms.map(async (algorithm) => (await driver.list(folderOf(algorithm))).map(({ name }) => findDigest(`${algorithm}:${name}`))),
  )
  return lists.flat().filter((digest) => digest !== undefined)
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) await Promise.all(items.slice(at, at + AT_ONCE).map(work))
}

/**
 * Changes rows in few transactions, which cost more than what is in them. Stops when the index is replaced meanwhile: then
 * the changes mean nothing.
 */
export async function applyChanges({ rows }: Registry, generation: number, changes: readonly Change[]): Promise<void> {
  for (let at = 0; at < changes.length && rows.generation === generation; at += ROWS_AT_ONCE) {
    applyAtOnce(rows, changes.slice(at, at + ROWS_AT_ONCE))
    if (at + ROWS_AT_ONCE < changes.length) await nextTurn()
  }
}

/** All of the changes in one step. */
export function applyAtOnce(rows: Rows, changes: readonly Change[]): void {
  rows.change((index) => {
    for (const change of changes) change(index)
  })
}
