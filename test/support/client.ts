import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { parseRepositoryName, type RepositoryName } from '../../src/oci/name.ts'
import { parseReference, parseTag, type Tag } from '../../src/oci/reference.ts'
import { deleteBlob, mountBlob } from '../../src/registry/blobs.ts'
import { deleteManifest, getManifest, putManifest } from '../../src/registry/manifests.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { deleteTag } from '../../src/registry/tags.ts'
import { finishUpload, startUpload } from '../../src/registry/uploads.ts'
import type { Image } from './images.ts'
import { ABSENT, cellOf, type Ledger, PRESENT } from './ledger.ts'
import { unlessUnknown } from './verify.ts'

/** A client that writes down what it was promised. */
export class Client {
  readonly #registry: Registry
  readonly #ledger: Ledger
  readonly #repository: RepositoryName

  constructor(registry: Registry, ledger: Ledger, repository: string) {
    this.#registry = registry
    this.#ledger = ledger
    this.#repository = parseRepositoryName(repository)
  }

  async pushBlob(bytes: Buffer): Promise<void> {
    const digest = digestOf(bytes)
    await this.#during([{ cell: cellOf.blob(this.#repository, digest), value: PRESENT }], async () => {
      const { id } = await startUpload(this.#registry, this.#repository)
      await finishUpload(this.#registry, this.#repository, id, { digest, chunk: { body: Readable.from([bytes]) } })
    })
  }

  async putManifest(image: Image, ...tags: string[]): Promise<void> {
    const effects = tags.map((tag) => ({ cell: cellOf.tag(this.#repository, tag), value: image.digest as string }))
    await this.#during([{ cell: cellOf.manifest(this.#repository, image.digest), value: PRESENT }, ...effects], () =>
      putManifest(this.#registry, this.#repository, { bytes: image.manifest, tags: tags.map(parseTag) }),
    )
  }

  async pushImage(image: Image, ...tags: string[]): Promise<void> {
    for (const blob of image.blobs) await this.pushBlob(blob)
    await this.putManifest(image, ...tags)
  }

  /** @returns whether the source had it. */
  async mount(digest: Digest, from: string): Promise<boolean> {
    const cell = cellOf.blob(this.#repository, digest)
    let isMounted = false
    await this.#ledger
      .during([{ cell, value: PRESENT }], async () => {
        isMounted = (await mountBlob(this.#registry, this.#repository, digest, parseRepositoryName(from))) !== undefined
        if (!isMounted) throw new NotMountedError()
      })
      .catch((error: unknown) => {
        if (!(error instanceof NotMountedError)) throw error
      })
    return isMounted
  }

  deleteTag(tag: string): Promise<void> {
    return this.#during([{ cell: cellOf.tag(this.#repository, tag), value: ABSENT }], () => deleteTag(this.#registry, this.#repository, tag as Tag))
  }

  /** `tags` may point to it and go with it. */
  deleteManifest(digest: Digest, ...tags: string[]): Promise<void> {
    const effects = tags.map((tag) => ({ cell: cellOf.tag(this.#repository, tag), value: ABSENT, onlyIf: digest as string }))
    return this.#during([{ cell: cellOf.manifest(this.#repository, digest), value: ABSENT }, ...effects], () =>
      deleteManifest(this.#registry, this.#repository, digest),
    )
  }

  deleteBlob(digest: Digest): Promise<void> {
    return this.#during([{ cell: cellOf.blob(this.#repository, digest), value: ABSENT }], () => deleteBlob(this.#registry, this.#repository, digest))
  }

  /** @throws AssertionError when what is read is neither what was promised before nor what is promised after. */
  async readTag(tag: string): Promise<void> {
    await this.#reading(
      cellOf.tag(this.#repository, tag),
      async () => (await unlessUnknown(getManifest(this.#registry, this.#repository, parseReference(tag))))?.digest,
    )
  }

  async readManifest(digest: Digest): Promise<void> {
    await this.#reading(cellOf.manifest(this.#repository, digest), async () => {
      const manifest = await unlessUnknown(getManifest(this.#registry, this.#repository, { kind: 'digest', digest }))
      return manifest && PRESENT
    })
  }

  /** Runs `work`, which ends with the blob here. */
  async promise(digest: Digest, work: () => Promise<unknown>): Promise<void> {
    await this.#during([{ cell: cellOf.blob(this.#repository, digest), value: PRESENT }], work)
  }

  /** Runs `work`, which may or may not take these blobs away. */
  async losing<T>(digests: readonly Digest[], work: () => Promise<T>): Promise<T> {
    const effects = digests.map((digest) => ({ cell: cellOf.blob(this.#repository, digest), value: ABSENT }))
    return await this.#ledger.attempt(effects, work)
  }

  async #reading(cell: string, read: () => Promise<string | undefined>): Promise<void> {
    const before = this.#ledger.allowed(cell)
    const value = (await read()) ?? ABSENT
    const allowed = before.union(this.#ledger.allowed(cell))
    assert.ok(allowed.has(value), `${cell} was read as ${value}, not ${[...allowed].join(' or ')}`)
  }

  async #during(effects: Parameters<Ledger['during']>[0], work: () => Promise<unknown>): Promise<void> {
    await this.#ledger.during(effects, work)
  }
}

class NotMountedError extends Error {}
