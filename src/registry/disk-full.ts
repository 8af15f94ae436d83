import { OciError } from '../oci/error.ts'
import { isDiskFull } from '../volume/volume.ts'

/**
 * Passes on what becomes of `work`, but for a full disk: `cleanUp` makes room, and the client is told in a sentence.
 *
 * @throws OciError `UNAVAILABLE` (507) when the disk is full.
 */
export async function tellDiskFull<T>(work: () => Promise<T>, cleanUp: () => Promise<void> = async () => undefined): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isFull(error)) throw error
    await cleanUp()
    const reason = 'the disk of the registry is full: free some space on it, then push again'
    throw new OciError('UNAVAILABLE', { reason }, { status: 507, cause: error })
  }
}

const SQLITE_FULL = 13

function isFull(error: unknown): boolean {
  return isDiskFull(error) || (error as { errcode?: number }).errcode === SQLITE_FULL
}
