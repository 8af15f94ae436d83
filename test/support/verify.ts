import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { type RawBuilder, sql } from 'kysely'
import { type Digest, digestOf, parseDigest } from '../../src/oci/digest.ts'
import { OciError } from '../../src/oci/error.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseReference, type Reference } from '../../src/oci/reference.ts'
import { getBlob, openBlob } from '../../src/registry/blobs.ts'
import { getManifest, type Manifest } from '../../src/registry/manifests.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { listRepositories } from '../../src/registry/repositories.ts'
import { listTags } from '../../src/registry/tags.ts'
import { ABSENT, cellOf, type Ledger, PRESENT } from './ledger.ts'

/**
 * Checks that a registry shows what its clients were promised, and nothing by halves: each cell holds a value it may hold, a tag is listed
 * if and only if it is served, and what a shown manifest names is here, whole and right, unless a client has deleted it.
 */
export async function verifyPromises(registry: Registry, ledger: Ledger): Promise<void> {
  for (const cell of ledger.cells) {
    const [kind, repository = '', name = ''] = cell.split(' ')
    const value = await (kind === 'blob' ? blobState(registry, repository, name) : manifestState(registry, ledger, { repository, name, isTag: kind === 'tag' }))
    assert.ok(ledger.allowed(cell).has(value), `${cell} is ${value}, not ${[...ledger.allowed(cell)].join(' or ')}`)
  }
  await verifyLists(registry, ledger)
}

async function verifyLists(registry: Registry, ledger: Ledger): Promise<void> {
  const { repositories } = await listRepositories(registry, { limit: 1000 })
  const written = ledger.cells.filter((cell) => cell.startsWith('manifest ') && !ledger.allowed(cell).has(ABSENT)).map((cell) => cell.split(' ')[1] ?? '')
  for (const repository of written) assert.ok(repositories.includes(repository), `${repository} is not in the catalog`)
  for (const repository of repositories) {
    const { tags } = await listTags(registry, parseRepositoryName(repository), {})
    for (const tag of tags) {
      const cell = cellOf.tag(repository, tag)
      assert.ok(
        [...ledger.allowed(cell)].some((value) => value !== ABSENT),
        `${tag} is listed in ${repository}, where it is deleted or was never pushed`,
      )
      await getManifest(registry, parseRepositoryName(repository), parseReference(tag))
    }
    for (const cell of ledger.cells.filter((other) => other.startsWith(`tag ${repository} `) && !ledger.allowed(other).has(ABSENT)))
      assert.ok(tags.includes(cell.split(' ')[2] ?? ''), `${cell} is not listed`)
  }
}

async function manifestState(
  registry: Registry,
  ledger: Ledger,
  { repository, name, isTag }: { repository: string; name: string; isTag: boolean },
): Promise<string> {
  const manifest = await findManifest(registry, repository, parseReference(name))
  if (!manifest) return ABSENT
  assert.equal(digestOf(manifest.bytes), manifest.digest)
  const { config, layers, children } = manifest.parsed
  for (const { digest } of [...(config ? [config] : []), ...layers]) {
    const state = await blobState(registry, repository, digest)
    assert.ok(state === PRESENT || ledger.isDeleted(cellOf.blob(repository, digest)), `${repository}@${name} is shown without its blob ${digest}`)
  }
  for (const { digest } of children)
    assert.ok(await findManifest(registry, repository, { kind: 'digest', digest }), `${repository}@${name} is shown without its child ${digest}`)
  return isTag ? manifest.digest : PRESENT
}

async function findManifest(registry: Registry, repository: string, reference: Reference): Promise<Manifest | undefined> {
  return unlessUnknown(getManifest(registry, parseRepositoryName(repository), reference))
}

async function blobState(registry: Registry, repository: string, name: string): Promise<string> {
  const digest = parseDigest(name)
  const bytes = await readBlob(registry, repository, digest)
  if (bytes) assert.equal(digestOf(bytes), digest, `${repository} serves other bytes as ${digest}`)
  return bytes ? PRESENT : ABSENT
}

async function readBlob(registry: Registry, repository: string, digest: Digest): Promise<Buffer | undefined> {
  const blob = await unlessUnknown(getBlob(registry, parseRepositoryName(repository), digest))
  if (!blob) return undefined
  const bytes = await buffer(await openBlob(registry, parseRepositoryName(repository), blob))
  assert.equal(bytes.byteLength, blob.size)
  return bytes
}

/** A refusal to show what is not there is an answer; anything else is trouble. */
export async function unlessUnknown<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof OciError && error.status === 404) return undefined
    throw error
  }
}

const TABLES = ['repository_blob', 'manifest', 'manifest_reference', 'tag', 'tag_history'] as const

/** All rows, in one order, with names in place of numbers: equal for two indexes that say the same. */
export function rowsOf(registry: Registry): string[] {
  return registry.rows.read((index) => {
    const select = (text: RawBuilder<object>) => index.all({ compile: () => text.compile(index.build) })
    const listed = select(sql`SELECT name FROM repository WHERE is_listed = 1`)
    const named = (table: string) =>
      select(sql`SELECT repository.name AS repository, rows.* FROM ${sql.table(table)} AS rows JOIN repository ON repository.id = repository_id`)
    const rows = TABLES.flatMap((table) => named(table).map((row) => `${table} ${JSON.stringify({ ...row, repository_id: undefined })}`))
    return [...listed.map((row) => `repository ${JSON.stringify(row)}`), ...rows].sort()
  })
}
