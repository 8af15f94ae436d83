import { randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { LRUCache } from 'lru-cache'
import { type Digest, type DigestAlgorithm, DigestHash } from '../oci/digest.ts'
import { OciError } from '../oci/error.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { ByteStream, WriteHandle } from './driver.ts'
import { uploadData, uploadFolder, uploadStartedAt } from './layout.ts'
import type { Volume } from './volume.ts'

const BUFFER = 1024 * 1024 // what one transfer holds in memory while a write is under way
const WRITE_BACK_EVERY = 32 * 1024 * 1024 // so that the final sync does not find gigabytes to write
const REMEMBERED_HASHES = 10_000
const ID = /^[a-zA-Z0-9_=-][a-zA-Z0-9_.=-]{0,127}$/ // Distribution's pattern, never a dot first

export interface UploadChunk {
  readonly body: ByteStream
  /** Where the client says its bytes start. */
  readonly offset?: number
  /** How many bytes the client says it sends. */
  readonly length?: number
  readonly signal?: AbortSignal
}

/**
 * The files below `_uploads`. An upload's offset is its file's size. One writer at a time: a claim is held in memory until
 * the last write of that writer has returned and its descriptor is closed.
 */
export class UploadStore {
  readonly #volume: Volume
  readonly #claims = new Set<string>()
  readonly #hashes = new LRUCache<string, RunningHash>({ maxSize: REMEMBERED_HASHES, sizeCalculation: () => 1 })

  constructor(volume: Volume) {
    this.#volume = volume
  }

  /** A new upload, not durable: its id. What fails leaves nothing behind. */
  async create(repository: RepositoryName, algorithm: DigestAlgorithm, nowMs: number): Promise<string> {
    const id = randomUUID()
    try {
      await this.#makeFiles(repository, id, nowMs)
    } catch (error) {
      await this.remove(repository, id)
      throw error
    }
    this.#hashes.set(id, { hash: new DigestHash(algorithm), size: 0 })
    return id
  }

  /** Bytes held, from the volume; `undefined` when there is no such upload. */
  async findOffset(repository: RepositoryName, id: string): Promise<number | undefined> {
    if (!ID.test(id)) return undefined
    const data = await this.#volume.driver.stat(uploadData(repository, id))
    if (data) return data.size
    return (await this.#volume.driver.stat(uploadStartedAt(repository, id))) ? 0 : undefined
  }

  /** @throws OciError `BLOB_UPLOAD_UNKNOWN` */
  async getOffset(repository: RepositoryName, id: string): Promise<number> {
    const offset = await this.findOffset(repository, id)
    if (offset === undefined) throw new OciError('BLOB_UPLOAD_UNKNOWN', { upload: id.slice(0, 128) })
    return offset
  }

  isClaimed(id: string): boolean {
    return this.#claims.has(id)
  }

  /**
   * Runs `work` as the upload's only writer.
   *
   * @throws OciError `RANGE_INVALID` with the true offset while somebody else writes; `BLOB_UPLOAD_UNKNOWN`.
   */
  async claim<T>(repository: RepositoryName, id: string, work: () => Promise<T>): Promise<T> {
    if (this.#claims.has(id)) throw await this.outOfOrder(repository, id, 'another client is writing to this upload')
    return await this.hold(id, async () => {
      await this.getOffset(repository, id) // whoever had the claim before may have ended the upload
      return await work()
    })
  }

  /** Runs `work` while nobody can claim the upload, be it whole or a remnant. For one that is not claimed. */
  async hold<T>(id: string, work: () => Promise<T>): Promise<T> {
    this.#claims.add(id)
    try {
      return await work()
    } finally {
      this.#claims.delete(id)
    }
  }

  async outOfOrder(repository: RepositoryName, id: string, reason: string): Promise<OciError> {
    return new OciError('RANGE_INVALID', { reason, offset: await this.getOffset(repository, id) })
  }

  /** Appends a chunk's bytes under a claim; what arrived before a failure stays. Returns the new offset. Not durable. */
  async append(repository: RepositoryName, id: string, chunk: UploadChunk): Promise<number> {
    const offset = await this.getOffset(repository, id)
    if (chunk.offset !== undefined && chunk.offset !== offset) throw await this.outOfOrder(repository, id, 'the chunk does not start where the upload stands')
    const handle = await this.#openData(repository, id)
    try {
      await this.#receive(id, handle, chunk)
    } finally {
      await this.#unlessLost(repository, id, () => handle.close())
    }
    if (chunk.length !== undefined && handle.size - offset !== chunk.length)
      throw new OciError('SIZE_INVALID', { stated: chunk.length, received: handle.size - offset })
    return handle.size
  }

  /** Syncs the bytes and hashes them (anew, when this process has not seen all of them). Under a claim. */
  async seal(
    repository: RepositoryName,
    id: string,
    algorithm: DigestAlgorithm,
  ): Promise<{ readonly path: string; readonly digest: Digest; readonly size: number }> {
    const path = uploadData(repository, id)
    const handle = await this.#openData(repository, id)
    try {
      await this.#unlessLost(repository, id, () => handle.sync())
    } finally {
      await handle.close()
    }
    const running = this.#hashes.get(id)
    this.#hashes.delete(id) // a hash ends with its digest
    const isWhole = running?.size === handle.size && running.hash.algorithm === algorithm
    const digest = isWhole ? running.hash.digest() : await this.#hashFile(path, algorithm)
    return { path, digest, size: handle.size }
  }

  /** @NOTE after a failed sync the system forgets which bytes it lost, and the next sync succeeds: such an upload must not go on. */
  async #unlessLost(repository: RepositoryName, id: string, syncing: () => Promise<void>): Promise<void> {
    try {
      await syncing()
    } catch (error) {
      await this.remove(repository, id)
      throw error
    }
  }

  /** Removes the upload and what it holds; not durable. */
  async remove(repository: RepositoryName, id: string): Promise<void> {
    this.#hashes.delete(id)
    await this.#volume.removeTree(uploadFolder(repository, id))
  }

  async #makeFiles(repository: RepositoryName, id: string, nowMs: number): Promise<void> {
    const { driver } = this.#volume
    await driver.makeFolder(uploadFolder(repository, id))
    await write(await driver.openWrite(uploadStartedAt(repository, id), { create: true }), Buffer.from(rfc3339(nowMs)))
    await (await driver.openWrite(uploadData(repository, id), { create: true })).close()
  }

  async #openData(repository: RepositoryName, id: string): Promise<WriteHandle> {
    const path = uploadData(repository, id)
    const isThere = (await this.#volume.driver.stat(path)) !== undefined // Distribution's uploads have no data before the first chunk
    return this.#volume.driver.openWrite(path, { create: !isThere })
  }

  async #receive(id: string, handle: WriteHandle, { body, signal }: UploadChunk): Promise<void> {
    const known = this.#hashes.get(id)
    const running = known?.size === handle.size ? known : undefined
    const sink = new UploadSink(handle, running, body)
    try {
      await pipeline(body, sink, signal ? { signal } : {})
    } catch (error) {
      await sink.settled()
      throw error
    } finally {
      if (running?.size !== handle.size) this.#hashes.delete(id)
    }
  }

  async #hashFile(path: string, algorithm: DigestAlgorithm): Promise<Digest> {
    const hash = new DigestHash(algorithm)
    for await (const bytes of await this.#volume.driver.openRead(path)) hash.update(bytes as Buffer)
    return hash.digest()
  }
}

const AHEAD = -1 // a write is under way, or failed: the hash knows bytes that the file may not have

interface RunningHash {
  readonly hash: DigestHash
  /** Bytes hashed, or `AHEAD`. */
  size: number
}

/** Writes what has queued up in one call each time, and hashes while the system writes. */
class UploadSink extends Writable {
  readonly #handle: WriteHandle
  readonly #running: RunningHash | undefined
  #pending: Promise<void> = Promise.resolve()
  readonly #source: ByteStream
  #nextWriteBack: number

  constructor(handle: WriteHandle, running: RunningHash | undefined, source: ByteStream) {
    super({ highWaterMark: BUFFER, decodeStrings: true })
    this.#handle = handle
    this.#running = running
    this.#source = source
    this.#nextWriteBack = handle.size + WRITE_BACK_EVERY
  }

  /** Resolves when no write is under way any more. */
  settled(): Promise<void> {
    return this.#pending.catch(() => undefined)
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#append([chunk], done)
  }

  override _writev(items: { readonly chunk: Buffer }[], done: (error?: Error) => void): void {
    this.#append(
      items.map(({ chunk }) => chunk),
      done,
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    void this.settled().then(() => done(error))
  }

  #append(chunks: Buffer[], done: (error?: Error) => void): void {
    this.#pending = this.#store(chunks)
    this.#pending.then(() => done(), done)
  }

  async #store(chunks: Buffer[]): Promise<void> {
    const writing = this.#handle.write(chunks)
    if (this.#running) this.#running.size = AHEAD
    if (this.#running) for (const chunk of chunks) this.#running.hash.update(chunk)
    await writing
    if (this.#running) this.#running.size = this.#handle.size
    for (const chunk of chunks) this.#source.recycle?.(chunk)
    if (this.#handle.size < this.#nextWriteBack) return
    this.#handle.startWriteBack()
    this.#nextWriteBack += WRITE_BACK_EVERY
  }
}

/** Whole seconds in UTC, as Distribution writes `startedat`. */
const rfc3339 = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')

async function write(handle: WriteHandle, bytes: Uint8Array): Promise<void> {
  try {
    await handle.write([bytes])
  } finally {
    await handle.close()
  }
}
