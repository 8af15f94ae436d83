import { digestOf } from '../../src/oci/digest.ts'
import { type HttpUser, RefusedError } from './http-user.ts'
import { imageOf } from './images.ts'

const REPOSITORIES = ['one', 'one/below', 'two']
const TAGS = ['x', 'y', 'z']
const IMAGES = ['a', 'b', 'c', 'd'].map((name) => imageOf(name, [Buffer.from('shared layer'), Buffer.alloc(200_000, name)]))

export interface LoadOptions {
  readonly random: () => number
  /** Whether blobs are deleted too, also those that manifests name. */
  readonly deletesBlobs?: boolean
  readonly isOver: () => boolean
  readonly onAcknowledged?: () => void
}

/** Pushes, re-tags, mounts and deletes at random until it is over or the server is gone. Returns how much was acknowledged. */
export async function runLoad(user: HttpUser, { random, deletesBlobs = false, isOver, onAcknowledged = () => undefined }: LoadOptions): Promise<number> {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  let acknowledged = 0
  while (!isOver()) {
    const [repository, image, tag] = [pick(REPOSITORIES), pick(IMAGES), pick(TAGS)]
    const changes = [
      () => user.pushImage(repository, image, tag),
      () => user.pushImage(repository, image, tag),
      () => user.putManifest(repository, image, tag),
      () => user.mount(repository, pick(image.blobs), pick(REPOSITORIES)),
      () => user.deleteTag(repository, tag),
      () => user.deleteManifest(repository, image.digest, TAGS),
      ...(deletesBlobs ? [() => user.deleteBlob(repository, digestOf(pick(image.blobs)))] : []),
    ]
    try {
      await pick(changes)()
      acknowledged++
      onAcknowledged()
    } catch (error) {
      if (isGone(error)) return acknowledged
      if (!(error instanceof RefusedError)) throw error
    }
  }
  return acknowledged
}

/** Whether the server is not there any more. */
function isGone(error: unknown): boolean {
  return ['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')
}
