import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { ByteRange } from '../oci/byte-range.ts'
import type { ByteStream } from './driver.ts'

const READ_SIZE = 1024 * 1024 // 64 KiB reads cost twice the processor time per byte
const SMALL_READ_SIZE = 64 * 1024
const LARGE_MOST = 32 // streams with large reads at a time; each holds two chunks for as long as its reader likes

let largeStreams = 0

/** Chunks that nobody reads or sends any more, for all streams: one allocated for each layer would make the garbage collector run every few layers. */
const spare: Buffer[] = []
const SPARE_MOST = 16

/** An open file's bytes, up to the length it has at the start. Reads into chunks that were given back, where there are any. */
export class FileStream extends Readable implements ByteStream {
  readonly #handle: FileHandle
  readonly #end: number
  readonly #readSize: number
  #position: number
  #reading: Promise<void> = Promise.resolve()

  private constructor(handle: FileHandle, start: number, end: number) {
    const readSize = largeStreams < LARGE_MOST ? READ_SIZE : SMALL_READ_SIZE
    super({ highWaterMark: readSize })
    this.#readSize = readSize
    if (readSize === READ_SIZE) largeStreams++
    this.#handle = handle
    this.#position = start
    this.#end = end
  }

  /** Takes the handle over: it is closed with the stream. */
  static async over(handle: FileHandle, range?: ByteRange): Promise<FileStream> {
    try {
      const { size } = await handle.stat()
      return new FileStream(handle, range?.first ?? 0, Math.min(size, (range?.last ?? size) + 1))
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  recycle(chunk: Buffer): void {
    const { buffer } = chunk
    if (buffer.byteLength === READ_SIZE && buffer instanceof ArrayBuffer && spare.length < SPARE_MOST) spare.push(Buffer.from(buffer))
  }

  override _read(): void {
    const size = Math.min(this.#readSize, this.#end - this.#position)
    if (size <= 0) return void this.push(null)
    this.#reading = this.#readInto(takeChunk(size))
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#readSize === READ_SIZE) largeStreams--
    const close = this.#reading.then(() => this.#handle.close()) // never under a read: the descriptor may be another file's by then
    close.then(
      () => done(error),
      (failure: Error) => done(error ?? failure),
    )
  }

  async #readInto(buffer: Buffer): Promise<void> {
    try {
      const { bytesRead } = await this.#handle.read(buffer, 0, Math.min(buffer.length, this.#end - this.#position), this.#position)
      this.#position += bytesRead
      this.push(bytesRead > 0 ? buffer.subarray(0, bytesRead) : null)
    } catch (error) {
      this.destroy(error as Error)
    }
  }
}

/** Of `size` bytes where that is little, else of a large read whatever is left of the file, so that it can be used again. */
function takeChunk(size: number): Buffer {
  return size <= SMALL_READ_SIZE ? Buffer.allocUnsafeSlow(size) : (spare.pop() ?? Buffer.allocUnsafeSlow(READ_SIZE))
}
