import { setImmediate as nextTurn } from 'node:timers/promises'
import type { IndexDatabase } from '../metadata/connect.ts'
import { findRepositoryName, type RepositoryName } from '../oci/name.ts'
import type { Driver } from '../volume/driver.ts'
import { REPOSITORIES, repositoryFolder } from '../volume/layout.ts'
import type { Registry } from './registry.ts'

export interface Page {
  readonly limit: number
  /** Only what sorts after it, by bytes. */
  readonly after?: string
}

export interface CatalogPage extends Page {
  /** Leaves out the others; without it, all are shown. */
  readonly shows?: (name: string) => boolean
}

const BATCH = 1000 // names, of which most may be left out

/** The catalog: repositories that have (or had) a manifest, in lexical order. */
export async function listRepositories(registry: Registry, { limit, after = '', shows }: CatalogPage): Promise<{ repositories: string[]; more: boolean }> {
  await discoverRepositories(registry)
  const enough = limit + 1
  const names: string[] = []
  for (let last: string | undefined = after; last !== undefined && names.length < enough; ) {
    const size = shows ? BATCH : enough
    const batch: string[] = registry.rows.read((index) => selectListed(index, last ?? '', size))
    names.push(...(shows ? batch.filter(shows) : batch))
    last = shows && batch.length === size ? batch.at(-1) : undefined
    if (last !== undefined) await nextTurn()
  }
  return { repositories: names.slice(0, limit), more: names.length > limit }
}

/** Every repository with rows, listed or not, a page at a time. */
export async function* everyRepository(registry: Registry): AsyncGenerator<RepositoryName> {
  await discoverRepositories(registry)
  let after = ''
  for (;;) {
    const names = registry.rows.read((index) => selectNames(index, after, 500))
    if (names.length === 0) return
    for (const name of names) yield name
    after = names.at(-1) ?? ''
  }
}

export function countRepositories(registry: Registry): number {
  return registry.rows.read((index) => index.first(index.build.selectFrom('repository').select(({ fn }) => fn.countAll<number>().as('count')))?.count ?? 0)
}

/** Gives every repository of the volume its row and takes away those of repositories that are gone. Once a process. */
export function discoverRepositories(registry: Registry): Promise<void> {
  registry.settlement.discovery ??= discover(registry).catch((error: unknown) => {
    registry.settlement.discovery = undefined
    throw error
  })
  return registry.settlement.discovery
}

/** Begins again when the index is replaced meanwhile. */
async function discover(registry: Registry): Promise<void> {
  const { rows } = registry
  for (let generation = -1; generation !== rows.generation; ) {
    generation = rows.generation
    const { seen, unseen } = await insertFound(registry)
    registry.settlement.unseen = unseen
    const isHidden = (name: RepositoryName) => [...unseen.keys()].some((path) => `${repositoryFolder(name)}/`.startsWith(`${path}/`))
    for (const name of rows.read(selectAllNames)) {
      if (!seen.has(name) && !isHidden(name)) await removeIfGone(registry, name)
    }
  }
}

async function insertFound(registry: Registry): Promise<{ seen: ReadonlySet<string>; unseen: ReadonlyMap<string, unknown> }> {
  const seen = new Set<string>()
  const unseen = new Map<string, unknown>()
  const onUnseen = (path: string, cause: unknown): void => {
    unseen.set(path, cause)
    registry.report({ kind: 'unseen-folder', path, cause })
  }
  for await (const batch of walkRepositories(registry.volume.driver, onUnseen)) {
    const withContent = batch.filter(({ parts }) => parts.includes('_manifests') || parts.includes('_layers'))
    for (const { name } of withContent) seen.add(name)
    registry.rows.change((index) => {
      for (const { name, parts } of withContent) (parts.includes('_manifests') ? listRepository : ensureRepository)(index, name)
    })
  }
  return { seen, unseen }
}

/** A row without a folder is of another time; but a push may have made the folder after the walk passed by. */
async function removeIfGone(registry: Registry, name: RepositoryName): Promise<void> {
  await registry.locks.repository.run(name, async () => {
    if (await registry.volume.driver.stat(repositoryFolder(name))) return
    registry.rows.change((index) => index.run(index.build.deleteFrom('repository').where('name', '=', name)))
    registry.settlement.settled.delete(name)
  })
}

export interface FoundRepository {
  readonly name: RepositoryName
  /** Its reserved folders: `_manifests`, `_layers`, `_uploads`, as far as they are there. */
  readonly parts: readonly string[]
}

const WALKERS = 16

/**
 * Repositories below `repositories/`, nested ones too, in no order. Parts that start with `_` are reserved. A folder that
 * cannot be listed, or a link that leads nowhere, is told of and hides nothing else.
 */
export async function* walkRepositories(driver: Driver, onUnseen: (path: string, cause: unknown) => void): AsyncGenerator<FoundRepository[]> {
  const pending = [REPOSITORIES]
  while (pending.length > 0) {
    const folders = pending.splice(-WALKERS)
    const listings = await Promise.all(folders.map((folder) => listFolder(driver, folder, onUnseen)))
    const batch: FoundRepository[] = []
    for (const { folder, parts } of listings) {
      pending.push(...parts.filter((part) => !part.startsWith('_')).map((part) => `${folder}/${part}`))
      const name = findRepositoryName(folder.slice(REPOSITORIES.length + 1))
      const reserved = parts.filter((part) => part.startsWith('_'))
      if (name && reserved.length > 0) batch.push({ name, parts: reserved })
    }
    if (batch.length > 0) yield batch
  }
}

async function listFolder(driver: Driver, folder: string, onUnseen: (path: string, cause: unknown) => void): Promise<{ folder: string; parts: string[] }> {
  try {
    const entries = await driver.list(folder)
    for (const { name } of entries.filter(({ kind }) => kind === 'broken')) onUnseen(`${folder}/${name}`, new Error('a symbolic link that leads nowhere'))
    return { folder, parts: entries.filter(({ kind }) => kind === 'folder').map(({ name }) => name) }
  } catch (error) {
    onUnseen(folder, error)
    return { folder, parts: [] }
  }
}

/** The repository's row, made when it is missing. Inside a transaction. */
export function ensureRepository(index: IndexDatabase, name: RepositoryName): number {
  index.run(
    index.build
      .insertInto('repository')
      .values({ id: null as never, name, is_listed: 0 })
      .onConflict((on) => on.doNothing()),
  )
  return findRepositoryId(index, name) ?? 0
}

/** Shows the repository in the catalog from now on. Inside a transaction. */
export function listRepository(index: IndexDatabase, name: RepositoryName): number {
  const id = ensureRepository(index, name)
  index.run(index.build.updateTable('repository').set({ is_listed: 1 }).where('id', '=', id))
  return id
}

/** The repository's row; with `isListed`, only if the catalog shows it. */
export function findRepositoryId(index: IndexDatabase, name: RepositoryName, { isListed = false } = {}): number | undefined {
  const query = index.build.selectFrom('repository').select('id').where('name', '=', name)
  return index.first(isListed ? query.where('is_listed', '=', 1) : query)?.id
}

function selectListed(index: IndexDatabase, after: string, limit: number): string[] {
  const query = index.build.selectFrom('repository').select('name').where('is_listed', '=', 1).where('name', '>', after).orderBy('name').limit(limit)
  return index.all(query).map(({ name }) => name)
}

function selectNames(index: IndexDatabase, after: string, limit: number): RepositoryName[] {
  const query = index.build.selectFrom('repository').select('name').where('name', '>', after).orderBy('name').limit(limit)
  return index.all(query).map(({ name }) => name as RepositoryName)
}

function selectAllNames(index: IndexDatabase): RepositoryName[] {
  return index.all(index.build.selectFrom('repository').select('name')).map(({ name }) => name as RepositoryName)
}
