import { type BigIntStats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'

/** A text that changes whenever a file does, or cannot be seen any more; links are followed. */
export async function describeFile(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(describe, describeError)
}

/** The same at once, for who asks at each request: a look takes 3 us, a tenth of what it takes to wait for one. */
export function describeFileNow(path: string): string {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false })
    return found ? describe(found) : 'ENOENT'
  } catch (error) {
    return describeError(error)
  }
}

function describe({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
}

function describeError(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code)
}
