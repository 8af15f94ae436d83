import { type Digest, type DigestAlgorithm, digestAlgorithm } from '../oci/digest.ts'
import { OciError } from '../oci/error.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { UploadChunk } from '../volume/uploads.ts'
import { type Blob, commitBlob } from './blobs.ts'
import { tellDiskFull } from './disk-full.ts'
import { type Registry, refuseUnlessWritable } from './registry.ts'

export type { UploadChunk } from '../volume/uploads.ts'

export interface UploadStatus {
  readonly id: string
  /** Bytes held. */
  readonly offset: number
}

/** Begins an upload. It is not durable: after a power cut the client starts again. */
export async function startUpload(registry: Registry, repository: RepositoryName, algorithm: DigestAlgorithm = 'sha256'): Promise<UploadStatus> {
  refuseUnlessWritable(registry)
  const id = await tellDiskFull(() => registry.uploads.create(repository, algorithm, registry.clock.now()))
  return { id, offset: 0 }
}

/** @throws OciError `BLOB_UPLOAD_UNKNOWN` */
export async function getUpload(registry: Registry, repository: RepositoryName, id: string): Promise<UploadStatus> {
  return { id, offset: await registry.uploads.getOffset(repository, id) }
}

/**
 * Takes bytes from a client. When it drops the connection, what has arrived stays and the upload can go on from there.
 *
 * @throws OciError `BLOB_UPLOAD_UNKNOWN`; `RANGE_INVALID` with the true offset, out of order or while another client writes;
 * `SIZE_INVALID`; `UNAVAILABLE` (507) when the disk is full: then the upload is gone.
 */
export async function appendToUpload(registry: Registry, repository: RepositoryName, id: string, chunk: UploadChunk): Promise<UploadStatus> {
  return writing(registry, repository, id, async () => ({ id, offset: await registry.uploads.append(repository, id, chunk) }))
}

export interface UploadEnd {
  /** What all the bytes must have. */
  readonly digest: Digest
  /** The last of them, when the client sends some along. */
  readonly chunk?: UploadChunk | undefined
}

/**
 * Ends an upload: its bytes become a blob of the repository, verified and durable on return.
 *
 * @throws OciError as `appendToUpload`; `DIGEST_INVALID` when the bytes have another digest: then the upload is gone.
 */
export async function finishUpload(registry: Registry, repository: RepositoryName, id: string, { digest, chunk }: UploadEnd): Promise<Blob> {
  return writing(registry, repository, id, async () => {
    if (chunk) await registry.uploads.append(repository, id, chunk)
    const sealed = await registry.uploads.seal(repository, id, digestAlgorithm(digest))
    if (sealed.digest !== digest) {
      await registry.uploads.remove(repository, id)
      throw new OciError('DIGEST_INVALID', { digest, computed: sealed.digest })
    }
    const blob: Blob = { digest, size: sealed.size }
    await commitBlob(registry, repository, sealed.path, blob)
    await registry.uploads.remove(repository, id)
    return blob
  })
}

/** A whole blob in one request. What fails leaves nothing behind. */
export async function putBlob(registry: Registry, repository: RepositoryName, digest: Digest, chunk: UploadChunk): Promise<Blob> {
  const { id } = await startUpload(registry, repository, digestAlgorithm(digest))
  try {
    return await finishUpload(registry, repository, id, { digest, chunk })
  } catch (error) {
    await registry.uploads.remove(repository, id)
    throw error
  }
}

/** @throws OciError `BLOB_UPLOAD_UNKNOWN`; `RANGE_INVALID` while another client writes. */
export async function cancelUpload(registry: Registry, repository: RepositoryName, id: string): Promise<void> {
  await writing(registry, repository, id, () => registry.uploads.remove(repository, id))
}

/** Runs `work` as the upload's only writer; when the disk is full, what the upload holds makes room. */
async function writing<T>(registry: Registry, repository: RepositoryName, id: string, work: () => Promise<T>): Promise<T> {
  refuseUnlessWritable(registry)
  const remove = () => registry.uploads.remove(repository, id)
  return registry.uploads.claim(repository, id, () => tellDiskFull(work, remove))
}
