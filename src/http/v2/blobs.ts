import { parseRange } from '../../oci/byte-range.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import * as blobs from '../../registry/blobs.ts'
import { isUnchanged, wantedRange } from '../conditional.ts'
import type { Exchange } from '../exchange.ts'
import { empty, type Reply } from '../reply.ts'

/** end-2: a blob or a part of it. */
export async function getBlob({ registry, params, headers, isHead, announce }: Exchange<'name' | 'digest'>): Promise<Reply> {
  const blob = await blobs.getBlob(registry, params.name, params.digest)
  announce.pulled({ action: 'pull', repository: params.name, blob })
  const about = { 'Docker-Content-Digest': blob.digest, ETag: `"${blob.digest}"`, 'Cache-Control': 'max-age=31536000', 'Accept-Ranges': 'bytes' }
  if (isUnchanged(headers, blob.digest)) return empty(304, about)

  const range = isHead ? undefined : parseRange(wantedRange(headers, blob.digest), blob.size) // RFC 9110 14.2: ranges are for GET alone
  const body = { size: range ? range.last - range.first + 1 : blob.size, open: () => blobs.openBlob(registry, params.name, blob, range) }
  if (!range) return { status: 200, headers: { ...about, 'Content-Type': mediaTypes.blob }, body }
  return { status: 206, headers: { ...about, 'Content-Type': mediaTypes.blob, 'Content-Range': `bytes ${range.first}-${range.last}/${blob.size}` }, body }
}

/** end-10: this repository no longer has the blob. */
export async function deleteBlob({ registry, params, announce }: Exchange<'name' | 'digest'>): Promise<Reply> {
  await blobs.deleteBlob(registry, params.name, params.digest)
  await announce.changed({ action: 'delete', repository: params.name, digest: params.digest })
  return empty(202)
}
