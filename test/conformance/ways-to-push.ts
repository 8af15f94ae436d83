import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import type { Client, HttpReply } from '../support/http-client.ts'
import { pathOf } from '../support/registry.ts'

/** A blob on its way: the bytes that are sent, and the digest they are said to have. */
export interface Parcel {
  readonly repository: string
  readonly bytes: Buffer
  readonly digest: string
}

/** One of the specification's ways to push a blob: proves each step but the last, whose reply it gives. */
export interface WayToPush {
  readonly section: string
  readonly name: string
  readonly push: (registry: Client, parcel: Parcel) => Promise<HttpReply>
}

const BLOB = { 'content-type': 'application/octet-stream' }

export const waysToPush: readonly WayToPush[] = [
  { section: 'Single POST', name: 'one POST', push: pushInOnePost },
  { section: 'POST then PUT', name: 'a POST and a PUT', push: pushInOnePut },
  { section: 'Pushing a blob in chunks', name: 'a POST, a PATCH of unknown length and a PUT', push: pushAsStream },
  { section: 'Pushing a blob in chunks', name: 'a POST, three PATCHes and a PUT', push: (registry, parcel) => pushInChunks(registry, parcel, false) },
  {
    section: 'Pushing a blob in chunks',
    name: 'a POST, two PATCHes and a PUT with the rest',
    push: (registry, parcel) => pushInChunks(registry, parcel, true),
  },
]

function pushInOnePost(registry: Client, { repository, bytes, digest }: Parcel): Promise<HttpReply> {
  return registry.send('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes, headers: BLOB })
}

export async function pushInOnePut(registry: Client, { repository, bytes, digest }: Parcel): Promise<HttpReply> {
  return registry.send('PUT', withQuery(await beginUpload(registry, repository), 'digest', digest), { body: bytes, headers: BLOB })
}

async function pushAsStream(registry: Client, { repository, bytes, digest }: Parcel): Promise<HttpReply> {
  const upload = await beginUpload(registry, repository)
  const patched = await registry.send('PATCH', upload, { body: Readable.from([bytes], { objectMode: false }), headers: BLOB })
  assert.equal(patched.status, 202)
  return registry.send('PUT', withQuery(locationOf(patched), 'digest', digest), { headers: { ...BLOB, 'content-length': 0 } })
}

async function pushInChunks(registry: Client, { repository, bytes, digest }: Parcel, isLastInPut: boolean): Promise<HttpReply> {
  let upload = await beginUpload(registry, repository)
  for (const { first, last, isLast } of thirdsOf(bytes)) {
    const chunk = chunkOf(bytes, first, last)
    if (isLast && isLastInPut) return registry.send('PUT', withQuery(upload, 'digest', digest), chunk)
    const patched = await registry.send('PATCH', upload, chunk)
    assert.deepEqual([patched.status, patched.headers['range']], [202, `0-${last}`])
    upload = locationOf(patched)
  }
  return registry.send('PUT', withQuery(upload, 'digest', digest), { headers: { ...BLOB, 'content-length': 0 } })
}

/** Begins a session: the address of its next request. */
export async function beginUpload(registry: Client, repository: string, query = ''): Promise<string> {
  const reply = await registry.send('POST', `/v2/${repository}/blobs/uploads/${query}`, { headers: { 'content-length': 0 } })
  assert.equal(reply.status, 202)
  return locationOf(reply)
}

export function locationOf({ headers }: HttpReply): string {
  assert.ok(headers['location'], 'there is no Location')
  return pathOf(headers['location'])
}

/** A Location may bring a query of its own. */
export function withQuery(path: string, key: string, value: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}${key}=${encodeURIComponent(value)}`
}

/** Where three chunks of these bytes begin and end; none, for no bytes. */
export function thirdsOf({ length }: Buffer): { readonly first: number; readonly last: number; readonly isLast: boolean }[] {
  const size = Math.ceil(length / 3)
  const starts = [0, size, 2 * size].filter((start) => start < length)
  return starts.map((first) => ({ first, last: Math.min(first + size, length) - 1, isLast: first + size >= length }))
}

export function chunkOf(bytes: Buffer, first: number, last: number): { body: Buffer; headers: Record<string, string> } {
  return { body: bytes.subarray(first, last + 1), headers: { ...BLOB, 'content-range': `${first}-${last}` } }
}
