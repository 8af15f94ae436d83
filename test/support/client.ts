import { Readable } from 'node:stream'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { parseRepositoryName, type RepositoryName } from '../../src/oci/name.ts'
import { parseTag, type Tag } from '../../src/oci/reference.ts'
import { deleteBlob, mountBlob } from '../../src/registry/blobs.ts'
import { deleteManifest, putManifest } from '../../src/registry/manifests.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { deleteTag } from '../../src/registry/tags.ts'
import { finishUpload, startUpload } from '../../src/registry/uploads.ts'
import type { Image } from './images.ts'
import { ABSENT, type Ledger, PRESENT } from './ledger.ts'

export const cellOf = {
  tag: (repository: string, tag: string): string => `tag ${repository} ${tag}`,
  manifest: (repository: string, digest: string): string => `manifest ${repository} ${digest}`,
  blob: (repository: string, digest: string): string => `blob ${repository} ${digest}`,
}

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

  async #during(effects: Parameters<Ledger['during']>[0], work: () => Promise<unknown>): Promise<void> {
    await this.#ledger.during(effects, work)
  }
}

class NotMountedError extends Error {}
