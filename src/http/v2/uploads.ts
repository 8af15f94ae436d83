import { parseContentRange } from '../../oci/byte-range.ts'
import { type Digest, parseDigest, parseDigestAlgorithm } from '../../oci/digest.ts'
import { OciError } from '../../oci/error.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import * as blobs from '../../registry/blobs.ts'
import * as uploads from '../../registry/uploads.ts'
import type { Exchange } from '../exchange.ts'
import { empty, type Reply } from '../reply.ts'

/** end-4a, end-4b, end-11: begins a session, unless the blob comes along (`digest`) or is in another repository already (`mount`). */
export async function startUpload(exchange: Exchange<'name'>): Promise<Reply> {
  const { registry, params, query } = exchange
  const mount = query.get('mount')
  const mounted = mount ? await mountBlob(exchange, parseDigest(mount)) : undefined
  if (mounted) return createdBlob(exchange, mounted)

  const digest = query.get('digest')
  if (digest) return pushedBlob(exchange, await uploads.putBlob(registry, params.name, parseDigest(digest), readChunk(exchange)))

  const algorithm = query.get('digest-algorithm')
  const status = await uploads.startUpload(registry, params.name, algorithm ? parseDigestAlgorithm(algorithm) : undefined)
  return uploadReply(exchange, 202, status)
}

/** end-13: how much of the blob is here. */
export async function getUpload(exchange: Exchange<'name' | 'session'>): Promise<Reply> {
  const status = await uploads.getUpload(exchange.registry, exchange.params.name, exchange.params.session)
  return uploadReply(exchange, 204, status)
}

/** end-5: the next bytes; with Content-Range, only if they are the next ones. */
export async function appendToUpload(exchange: Exchange<'name' | 'session'>): Promise<Reply> {
  const { registry, params } = exchange
  const status = await withTrueRange(exchange, () => uploads.appendToUpload(registry, params.name, params.session, readChunk(exchange)))
  return uploadReply(exchange, 202, status)
}

/** end-6: the last bytes, if any are left, and the digest of them all. */
export async function finishUpload(exchange: Exchange<'name' | 'session'>): Promise<Reply> {
  const { registry, params, query } = exchange
  const digest = query.get('digest')
  if (!digest) throw new OciError('DIGEST_INVALID', 'digest missing')
  const expected = parseDigest(digest)
  const blob = await withTrueRange(exchange, () =>
    uploads.finishUpload(registry, params.name, params.session, { digest: expected, chunk: readLastChunk(exchange) }),
  )
  return pushedBlob(exchange, blob)
}

/** end-14: gives the upload up. */
export async function cancelUpload({ registry, params }: Exchange<'name' | 'session'>): Promise<Reply> {
  await uploads.cancelUpload(registry, params.name, params.session)
  return empty(204, { 'Docker-Upload-UUID': params.session })
}

/**
 * Without `from`, any repository will do, where the caller may pull from all of them.
 *
 * @NOTE a source that the caller may not pull from is not looked at, so neither the answer nor its time tells what is there.
 */
async function mountBlob(exchange: Exchange<'name'>, digest: Digest): Promise<blobs.Blob | undefined> {
  const { registry, params, leave, query, announce } = exchange
  const from = query.get('from')
  const sources = from ? namedSource(from) : leave.pullsEverywhere ? await blobs.findBlobSources(registry, digest) : []
  for (const source of sources) {
    const blob = leave.allows({ action: 'pull', repository: source }) ? await blobs.mountBlob(registry, params.name, digest, source) : undefined
    if (!blob) continue
    await announce.changed({ action: 'mount', repository: params.name, blob, from: source })
    return blob
  }
  return undefined
}

/** A name that cannot exist here is no error: clients also guess names of other registries. */
function namedSource(from: string): RepositoryName[] {
  const source = findRepositoryName(from)
  return source ? [source] : []
}

function readChunk({ headers, contentLength, openBody }: Exchange<never>): uploads.UploadChunk {
  const header = headers['content-range']
  if (header === undefined) return { body: openBody(), ...(contentLength !== undefined && { length: contentLength }) }
  const { first, last } = parseContentRange(header)
  const length = last - first + 1
  if (contentLength !== undefined && contentLength !== length) throw new OciError('SIZE_INVALID', { contentRange: header, contentLength })
  return { body: openBody(), offset: first, length }
}

function readLastChunk(exchange: Exchange<never>): uploads.UploadChunk | undefined {
  return exchange.contentLength === 0 && exchange.headers['content-range'] === undefined ? undefined : readChunk(exchange)
}

/** A client that is refused a range learns where the upload really is, as distribution-spec v1.1.1, "Pushing a blob in chunks", asks. */
async function withTrueRange<Result>(exchange: Exchange<'name' | 'session'>, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== 'RANGE_INVALID') throw error
    const status = await uploads.getUpload(exchange.registry, exchange.params.name, exchange.params.session)
    throw new OciError('RANGE_INVALID', error.detail, { cause: error, headers: uploadHeaders(exchange, status) })
  }
}

function uploadReply(exchange: Exchange<'name'>, statusCode: number, status: uploads.UploadStatus): Reply {
  return empty(statusCode, uploadHeaders(exchange, status))
}

function uploadHeaders({ params, locate }: Exchange<'name'>, { id, offset }: uploads.UploadStatus): Record<string, string> {
  return {
    Location: locate(`/v2/${params.name}/blobs/uploads/${id}`),
    Range: `0-${Math.max(0, offset - 1)}`, // Distribution and its clients also write an empty upload so
    'Docker-Upload-UUID': id,
  }
}

async function pushedBlob(exchange: Exchange<'name'>, blob: blobs.Blob): Promise<Reply> {
  await exchange.announce.changed({ action: 'push', repository: exchange.params.name, blob })
  return createdBlob(exchange, blob)
}

function createdBlob({ params, locate }: Exchange<'name'>, { digest }: blobs.Blob): Reply {
  return empty(201, { Location: locate(`/v2/${params.name}/blobs/${digest}`), 'Docker-Content-Digest': digest })
}
