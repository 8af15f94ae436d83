import { createHash } from 'node:crypto'

/** Content that looks random and is the same each time. */
export function bytesFor(name: string, size: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, index) => createHash('sha256').update(`${name} ${index}`).digest())
  return Buffer.concat(blocks).subarray(0, size)
}
