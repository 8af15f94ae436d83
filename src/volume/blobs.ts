import { LRUCache } from 'lru-cache'
import type { ByteRange } from '../oci/byte-range.ts'
import { type Digest, digestHex, findDigest, isDigestAlgorithm } from '../oci/digest.ts'
import type { ByteStream } from './driver.ts'
import { BLOBS, blobData, blobFolder } from './layout.ts'
import { isCrossDevice, type Volume } from './volume.ts'

const REMEMBERED_DIGESTS = 100_000

/** The bytes below `blobs/`. Whoever changes a digest's bytes holds that digest's lock. */
export class BlobStore {
  readonly #volume: Volume
  /** Digests whose bytes this process has hashed: a push need not replace them. */
  readonly #verified = new LRUCache<Digest, true>({ maxSize: REMEMBERED_DIGESTS, sizeCalculation: () => 1 })

  /** Digests whose bytes are coming into place, or came there and could not be synced: what is seen of them may not be durable. */
  readonly #unsynced = new Set<Digest>()

  /** Grows with each commit: who finds bytes wrong looks whether they were replaced meanwhile. */
  commits = 0

  constructor(volume: Volume) {
    this.#volume = volume
  }

  /** How many bytes are held under a digest, durably, from the volume itself; `undefined` when there are none. */
  async findSize(digest: Digest): Promise<number | undefined> {
    const stat = await this.#volume.driver.stat(blobData(digest))
    if (stat?.kind !== 'file') return undefined
    if (this.#unsynced.has(digest)) await this.#volume.syncPlace(blobData(digest)) // somebody may link what we tell of
    return stat.size
  }

  open(digest: Digest, range?: ByteRange): Promise<ByteStream> {
    return this.#volume.driver.openRead(blobData(digest), range)
  }

  /** All the bytes, for manifests. */
  read(digest: Digest, limit: number): Promise<Buffer | undefined> {
    return this.#volume.driver.read(blobData(digest), limit)
  }

  /**
   * Makes synced bytes, whose digest the caller has computed, the ones held under `digest`; durable on return. Bytes that
   * are there already are replaced unless this process has verified them, so that a push heals damage.
   */
  async commit(staged: string, digest: Digest, size: number): Promise<void> {
    if (this.#verified.has(digest) && (await this.findSize(digest)) === size) return this.#volume.driver.removeFile(staged)
    this.#unsynced.add(digest)
    this.commits++
    await this.#place(staged, blobData(digest))
    this.commits++
    this.#unsynced.delete(digest)
    this.#verified.set(digest, true)
  }

  /** Removes the bytes; durable on return. `false` when there was nothing. */
  remove(digest: Digest): Promise<boolean> {
    this.#verified.delete(digest)
    this.#unsynced.delete(digest)
    return this.#volume.retire('blobs', blobFolder(digest))
  }

  /** Takes back that the bytes are right: they were found damaged. */
  distrust(digest: Digest): void {
    this.#verified.delete(digest)
  }

  /** The bytes were read and are right. */
  trust(digest: Digest): void {
    if (!this.#unsynced.has(digest)) this.#verified.set(digest, true)
  }

  /** Every digest that has a folder below `blobs/`, in no order; a folder without bytes too. */
  async *walk(): AsyncGenerator<Digest> {
    const { driver } = this.#volume
    for (const algorithm of await driver.list(BLOBS)) {
      if (!isDigestAlgorithm(algorithm.name)) continue
      for (const prefix of await driver.list(`${BLOBS}/${algorithm.name}`)) {
        for (const entry of await driver.list(`${BLOBS}/${algorithm.name}/${prefix.name}`)) {
          const digest = findDigest(`${algorithm.name}:${entry.name}`)
          if (digest && digestHex(digest).startsWith(prefix.name)) yield digest
        }
      }
    }
  }

  /** Uploads stand below `repositories/`, which may be another mount than `blobs/`: then the bytes are copied over. */
  async #place(staged: string, target: string): Promise<void> {
    try {
      await this.#volume.place(staged, target)
    } catch (error) {
      if (!isCrossDevice(error)) throw error
      await this.#volume.place(await this.#copyToBlobs(staged), target)
      await this.#volume.driver.removeFile(staged)
    }
  }

  async #copyToBlobs(staged: string): Promise<string> {
    const path = this.#volume.stagingPath('blobs')
    const handle = await this.#volume.driver.openWrite(path, { create: true })
    try {
      for await (const chunk of await this.#volume.driver.openRead(staged)) await handle.write([chunk])
      await handle.sync()
    } catch (error) {
      await handle.close()
      await this.#volume.driver.removeFile(path)
      throw error
    }
    await handle.close()
    return path
  }
}
