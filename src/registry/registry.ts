import { LRUCache } from 'lru-cache'
import type { IndexDatabase, StateDatabase } from '../metadata/connect.ts'
import type { Digest } from '../oci/digest.ts'
import { OciError } from '../oci/error.ts'
import type { RepositoryName } from '../oci/name.ts'
import { BlobStore } from '../volume/blobs.ts'
import type { Driver } from '../volume/driver.ts'
import { Links } from '../volume/links.ts'
import { KeyedMutex } from '../volume/mutex.ts'
import { UploadStore } from '../volume/uploads.ts'
import { Volume } from '../volume/volume.ts'
import { Damage } from './damage.ts'
import { noRules, type PushRules } from './push-rules.ts'
import { Rows } from './rows.ts'
import type { Manifest } from './stored-manifests.ts'

/** Milliseconds: `now` since 1970, `monotonic` since any moment, never set back. */
export interface Clock {
  now(): number
  monotonic(): number
}

/** What happens inside and somebody at the edge may log or count. */
export type Report = (event: RegistryEvent) => void

export type RegistryEvent =
  | { readonly kind: 'damaged-link'; readonly path: string }
  | { readonly kind: 'damaged-blob'; readonly digest: Digest; readonly reason: string }
  | { readonly kind: 'index-replaced'; readonly reason: string }
  | { readonly kind: 'state-trouble'; readonly reason: string }
  | { readonly kind: 'settling'; readonly settled: number; readonly repositories: number }
  | { readonly kind: 'unseen-folder'; readonly path: string; readonly cause: unknown }
  | { readonly kind: 'settle-failed'; readonly repository: string; readonly cause: unknown }

/** A registry over one volume: what its functions share. Made by `openRegistry`, ended by `closeRegistry`. */
export interface Registry {
  readonly volume: Volume
  readonly blobs: BlobStore
  readonly uploads: UploadStore
  readonly links: Links
  readonly rows: Rows
  readonly damage: Damage
  /** In memory, always `digest` before `repository`, never held across a client's bytes. */
  readonly locks: { readonly digest: KeyedMutex; readonly repository: KeyedMutex }
  readonly settlement: Settlement
  /** Manifests by digest: immutable, so they may be remembered. */
  readonly manifests: LRUCache<Digest, Manifest>
  /** When a client last asked for a blob, by `sightingKey`, on the monotonic clock: it may be about to use it. */
  readonly sightings: LRUCache<string, number>
  /** Why nothing may be written, once that is so: the volume's lock was lost, or the registry is read-only. */
  readonly standing: { refusal: string | undefined }
  readonly rules: PushRules
  readonly clock: Clock
  readonly report: Report
}

/** Which repositories' rows are believed. */
export interface Settlement {
  readonly settled: Set<RepositoryName>
  /** When each was settled first in this process, on the monotonic clock. */
  readonly firstSeen: Map<RepositoryName, number>
  /** Grows when a push puts bytes right that were missing or damaged: rows that were being made may not tell so. */
  heals: number
  /** Those in which a commit failed half-way: what was renamed may not be durable. */
  readonly failed: Set<RepositoryName>
  /** Those settled of which a tag could not be read: what is untagged is not known. */
  readonly doubtful: Set<RepositoryName>
  /** Folders below `repositories/` that could not be looked into: what is in them is not known, so nothing is called unused. */
  unseen: ReadonlyMap<string, unknown>
  /** All repositories of the volume have rows. */
  discovery: Promise<void> | undefined
  /** Ends background work. */
  readonly stop: AbortController
}

export interface RegistryOptions {
  readonly driver: Driver
  /** `cause`: why the index before it failed. */
  readonly openIndex: (tell: (reason: string) => void, cause?: Error) => IndexDatabase
  readonly openState: (tell: (reason: string) => void) => StateDatabase
  readonly report?: Report
  /** What may be pushed; without them, whatever is whole. */
  readonly rules?: PushRules
  readonly clock?: Clock
  /** Never writes to the volume, not even to prepare it. */
  readonly isReadOnly?: boolean
}

const MANIFEST_CACHE_BYTES = 64 * 1024 * 1024
const REMEMBERED_SIGHTINGS = 100_000

/** Prepares the volume (its only writer from now on) and opens the index. Rows are settled on demand and by `settleAll`. */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const report = options.report ?? (() => undefined)
  const clock = options.clock ?? { now: Date.now, monotonic: () => performance.now() }
  const volume = new Volume(options.driver)
  if (!options.isReadOnly) await volume.open()
  const settlement = newSettlement()
  return {
    volume,
    blobs: new BlobStore(volume),
    uploads: new UploadStore(volume),
    links: new Links(volume, (path) => report({ kind: 'damaged-link', path })),
    rows: openRows(options, settlement, report),
    damage: new Damage(
      options.openState((reason) => report({ kind: 'state-trouble', reason })),
      clock,
      report,
    ),
    locks: { digest: new KeyedMutex(), repository: new KeyedMutex() },
    settlement,
    manifests: new LRUCache({ maxSize: MANIFEST_CACHE_BYTES, sizeCalculation: ({ bytes }) => bytes.byteLength + 500 }),
    sightings: new LRUCache({ maxSize: REMEMBERED_SIGHTINGS, sizeCalculation: () => 1 }),
    standing: { refusal: options.isReadOnly ? 'the registry is read-only' : undefined },
    rules: options.rules ?? noRules,
    clock,
    report,
  }
}

/** @throws OciError `UNAVAILABLE` when nothing may be written any more. */
export function refuseUnlessWritable({ standing }: Registry): void {
  if (standing.refusal) throw new OciError('UNAVAILABLE', { reason: standing.refusal })
}

const newSettlement = (): Settlement => ({
  settled: new Set(),
  firstSeen: new Map(),
  heals: 0,
  failed: new Set(),
  doubtful: new Set(),
  unseen: new Map(),
  discovery: undefined,
  stop: new AbortController(),
})

/** Ends background work and closes the databases; call it once no operation is under way. */
export function closeRegistry(registry: Registry): void {
  registry.settlement.stop.abort()
  registry.rows.close()
  registry.damage.close()
}

export const sightingKey = (repository: RepositoryName, digest: Digest): string => `${repository}@${digest}`

function openRows({ openIndex }: RegistryOptions, settlement: Settlement, report: Report): Rows {
  const replaced = (reason: string) => report({ kind: 'index-replaced', reason })
  return new Rows(
    (cause) => openIndex(replaced, cause),
    (cause) => {
      settlement.settled.clear()
      settlement.discovery = undefined
      replaced(cause.message)
    },
  )
}
