import type { StateDatabase } from '../metadata/connect.ts'
import { type Digest, findDigest } from '../oci/digest.ts'
import type { Clock, Report } from './registry.ts'

/** Blobs whose bytes are known to be wrong: they answer 404, so that the next push of them brings right ones. */
export class Damage {
  readonly #state: StateDatabase
  readonly #clock: Clock
  readonly #report: Report
  readonly #digests: Set<Digest>

  constructor(state: StateDatabase, clock: Clock, report: Report) {
    this.#state = state
    this.#clock = clock
    this.#report = report
    this.#digests = new Set(selectDigests(state))
  }

  has(digest: Digest): boolean {
    return this.#digests.has(digest)
  }

  list(): Digest[] {
    return [...this.#digests]
  }

  /** Remembers it, durably where the disk allows. */
  add(digest: Digest, reason: string): void {
    if (this.#digests.has(digest)) return
    this.#digests.add(digest)
    this.#report({ kind: 'damaged-blob', digest, reason })
    this.#attempt(() => insertDamage(this.#state, digest, reason, new Date(this.#clock.now()).toISOString()))
  }

  /** The bytes were replaced by verified ones, or are gone. */
  clear(digest: Digest): void {
    if (this.#digests.delete(digest)) this.#attempt(() => deleteDamage(this.#state, digest))
  }

  /** On a full disk the list is right in memory, and the rest goes on. */
  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#report({ kind: 'state-trouble', reason: `the list of damaged blobs could not be written: ${(error as Error).message}` })
    }
  }

  close(): void {
    this.#state.close()
  }
}

function selectDigests(state: StateDatabase): Digest[] {
  const rows = state.all(state.build.selectFrom('damaged_blob').select('digest'))
  return rows.map(({ digest }) => findDigest(digest)).filter((digest) => digest !== undefined)
}

function insertDamage(state: StateDatabase, digest: Digest, reason: string, found_at: string): void {
  state.run(
    state.build
      .insertInto('damaged_blob')
      .values({ digest, reason, found_at })
      .onConflict((on) => on.doNothing()),
  )
}

function deleteDamage(state: StateDatabase, digest: Digest): void {
  state.run(state.build.deleteFrom('damaged_blob').where('digest', '=', digest))
}
