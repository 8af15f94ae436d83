import assert from 'node:assert/strict'
import { mediaTypes } from '../../src/oci/media-type.ts'
import type { Client, HttpReply } from '../support/http-client.ts'
import { type Chapter, chapter } from './chapter.ts'
import { DataSet, type Descriptor, type PushedManifest } from './data-set.ts'
import { dataSets, type NamedDataSet } from './data-sets.ts'
import { locationOf, pushInOnePut } from './ways-to-push.ts'

/** A data set in a repository of its own, with the answers to its pushes. */
interface Pushed {
  readonly repository: string
  readonly data: DataSet
  readonly blobReplies: readonly HttpReply[]
  /** One for each manifest, by digest. */
  readonly replies: ReadonlyMap<PushedManifest, HttpReply>
  /** One for each tag that was pushed on its own. */
  readonly tagReplies: ReadonlyMap<string, HttpReply>
}

const ACCEPT = Object.values(mediaTypes).join(', ')

export const manifestChapters: readonly Chapter[] = dataSets.flatMap((set, number) => [
  chapter(
    { version: set.version, section: 'Pushing Manifests', title: set.name },
    (registry) => pushSet(registry, set, `walk/manifests/${number}`),
    claimsOf(set),
  ),
  chapter(
    { version: set.version, section: 'Deleting Manifests', title: `${set.name}, deleted again` },
    (registry) => deleteSet(registry, set, `walk/manifests/${number}/deleted`),
    deletionOf(set),
  ),
])

type Proofs<Outcome> = Readonly<Record<string, (outcome: Outcome, registry: Client) => Promise<void> | void>>

function claimsOf(set: NamedDataSet): Proofs<Pushed> {
  const { manifests } = filled(set)
  const hasTags = manifests.some(({ tags }) => tags.length > 0)
  const hasSubjects = manifests.some(({ subject }) => subject)
  return {
    'is taken with 201, blobs, manifests and tags': isTaken,
    'is named by its own digest, where a digest is answered': isNamed,
    'is where its Locations say': isWhereLocationsSay,
    'comes back byte for byte, with its media type': comesBack,
    'is known to HEAD by size and media type': isKnownToHead,
    ...(hasTags && { 'is listed by its tags, in lexical order and after the last one': isListed }),
    ...(set.tagsInQuery && { 'is answered with the tags it got': namesTags }),
    ...(hasSubjects && {
      'is answered with OCI-Subject where it has one': namesSubjects,
      'is among the referrers of its subject, fully described': isReferrer,
      'is found by its artifactType': isFilteredReferrer,
    }),
  }
}

function deletionOf(set: NamedDataSet): Proofs<Deleted> {
  const { manifests, blobs } = filled(set)
  const hasTags = manifests.some(({ tags }) => tags.length > 0)
  const hasSubjects = manifests.some(({ subject }) => subject)
  return {
    ...(hasTags && { 'loses a tag at once, and keeps the manifest': losesTags }),
    'loses its manifests at once': losesManifests,
    ...(hasSubjects && { 'is no referrer any more': isNoReferrer }),
    ...(blobs.size > 0 && { 'loses its blobs at once': losesBlobs }),
  }
}

function filled({ name, fill, algorithm }: NamedDataSet): DataSet {
  const data = new DataSet(name, algorithm)
  fill(data)
  return data
}

async function pushSet(registry: Client, set: NamedDataSet, repository: string): Promise<Pushed> {
  const data = filled(set)
  const blobReplies: HttpReply[] = []
  for (const [digest, bytes] of data.blobs) blobReplies.push(await pushInOnePut(registry, { repository, bytes, digest }))
  const replies = new Map<PushedManifest, HttpReply>()
  const tagReplies = new Map<string, HttpReply>()
  for (const manifest of data.manifests) {
    const query = set.tagsInQuery && manifest.tags.length > 0 ? `?${manifest.tags.map((tag) => `tag=${tag}`).join('&')}` : ''
    replies.set(manifest, await putManifest(registry, repository, `${manifest.digest}${query}`, manifest))
    for (const tag of set.tagsInQuery ? [] : manifest.tags) tagReplies.set(tag, await putManifest(registry, repository, tag, manifest))
  }
  return { repository, data, blobReplies, replies, tagReplies }
}

function putManifest(registry: Client, repository: string, reference: string, { bytes, mediaType }: PushedManifest): Promise<HttpReply> {
  return registry.send('PUT', `/v2/${repository}/manifests/${reference}`, { body: bytes, headers: { 'content-type': mediaType } })
}

function isTaken({ blobReplies, replies, tagReplies }: Pushed): void {
  for (const { status, text } of [...blobReplies, ...replies.values(), ...tagReplies.values()]) assert.equal(status, 201, text)
}

function isNamed({ replies }: Pushed): void {
  for (const [{ digest }, { status, headers }] of replies) assert.deepEqual([status, headers['docker-content-digest'] ?? digest], [201, digest])
}

async function isWhereLocationsSay({ data, replies }: Pushed, registry: Client): Promise<void> {
  for (const manifest of data.manifests) {
    const reply = replies.get(manifest)
    assert.ok(reply)
    const { status, body } = await registry.get(locationOf(reply), { accept: ACCEPT })
    assert.deepEqual([status, body.equals(manifest.bytes)], [200, true])
  }
}

async function comesBack({ repository, data }: Pushed, registry: Client): Promise<void> {
  for (const { bytes, digest, mediaType, tags } of data.manifests) {
    for (const reference of [digest, ...tags]) {
      const { status, headers, body } = await registry.get(`/v2/${repository}/manifests/${reference}`, { accept: ACCEPT })
      assert.deepEqual([status, headers['content-type'], headers['content-length']], [200, mediaType, String(bytes.length)], reference)
      assert.equal(headers['docker-content-digest'], digest)
      assert.ok(body.equals(bytes), reference)
    }
  }
}

async function isKnownToHead({ repository, data }: Pushed, registry: Client): Promise<void> {
  for (const { bytes, digest, mediaType, tags } of data.manifests) {
    for (const reference of [digest, ...tags]) {
      const reply = await registry.send('HEAD', `/v2/${repository}/manifests/${reference}`, { headers: { accept: ACCEPT } })
      const { status, headers, body } = reply
      assert.deepEqual([status, headers['content-type'], headers['content-length'], body.length], [200, mediaType, String(bytes.length), 0], reference)
      assert.equal(headers['docker-content-digest'], digest)
    }
  }
}

async function isListed({ repository, data }: Pushed, registry: Client): Promise<void> {
  const tags = data.manifests.flatMap((manifest) => manifest.tags).sort()
  const list = async (query: string) => (await registry.get(`/v2/${repository}/tags/list${query}`)).json()
  assert.deepEqual(await list(''), { name: repository, tags })
  assert.deepEqual(await list('?n=1'), { name: repository, tags: tags.slice(0, 1) })
  assert.deepEqual(await list(`?last=${tags[0]}`), { name: repository, tags: tags.slice(1) })
}

function namesTags({ replies }: Pushed): void {
  for (const [{ tags }, { rawHeaders }] of replies) {
    const named = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'oci-tag')
    assert.deepEqual(named.flatMap((value) => value.split(',').map((tag) => tag.trim())).sort(), [...tags].sort())
  }
}

function namesSubjects({ replies }: Pushed): void {
  for (const [{ subject }, { headers }] of replies) assert.equal(headers['oci-subject'], subject)
}

const withSubject = ({ manifests }: DataSet) => manifests.filter((manifest) => manifest.subject)

async function isReferrer({ repository, data }: Pushed, registry: Client): Promise<void> {
  for (const [subject, group] of Map.groupBy(withSubject(data), (manifest) => manifest.subject)) {
    const reply = await registry.get(`/v2/${repository}/referrers/${subject}`)
    assert.deepEqual([reply.status, reply.headers['content-type']], [200, mediaTypes.ociIndex])
    assert.deepEqual(listedIn(reply), sorted(group))
  }
}

async function isFilteredReferrer({ repository, data }: Pushed, registry: Client): Promise<void> {
  for (const [key, group] of Map.groupBy(
    withSubject(data),
    ({ subject, listed }) => `${subject}?artifactType=${encodeURIComponent(String(listed['artifactType']))}`,
  )) {
    const reply = await registry.get(`/v2/${repository}/referrers/${key}`)
    assert.deepEqual([reply.status, reply.headers['oci-filters-applied']], [200, 'artifactType'])
    assert.deepEqual(listedIn(reply), sorted(group))
  }
}

function listedIn(reply: HttpReply): Descriptor[] {
  const { schemaVersion, mediaType, manifests } = reply.json<{ schemaVersion: number; mediaType: string; manifests: Descriptor[] }>()
  assert.deepEqual([schemaVersion, mediaType], [2, mediaTypes.ociIndex])
  return manifests.toSorted((one, other) => (one.digest < other.digest ? -1 : 1))
}

function sorted(manifests: readonly PushedManifest[]): Descriptor[] {
  return manifests.map(({ listed }) => listed).sort((one, other) => (one.digest < other.digest ? -1 : 1))
}

/** What a registry answered to deletions, and to a look at what had been deleted. */
interface Deleted extends Pushed {
  readonly tags: readonly { readonly reply: HttpReply; readonly tagAfter: HttpReply; readonly manifestAfter: HttpReply }[]
  readonly manifests: readonly { readonly reply: HttpReply; readonly after: HttpReply; readonly again: HttpReply }[]
  /** Replies to lists of referrers, with the digest that must not be in them. */
  readonly referrers: readonly { readonly digest: string; readonly reply: HttpReply }[]
  readonly blobs: readonly { readonly reply: HttpReply; readonly after: HttpReply }[]
}

/** Pushes a data set and deletes it: tags, manifests from the last to the first, blobs. */
async function deleteSet(registry: Client, set: NamedDataSet, repository: string): Promise<Deleted> {
  const pushed = await pushSet(registry, set, repository)
  const { data } = pushed
  const remove = (path: string) => registry.send('DELETE', `/v2/${repository}/${path}`)
  const look = (path: string) => registry.send('HEAD', `/v2/${repository}/${path}`, { headers: { accept: ACCEPT } })
  const deleted = { tags: [] as Deleted['tags'][number][], manifests: [] as Deleted['manifests'][number][], blobs: [] as Deleted['blobs'][number][] }
  for (const { digest, tags } of data.manifests) {
    for (const tag of tags) {
      const reply = await remove(`manifests/${tag}`)
      deleted.tags.push({ reply, tagAfter: await look(`manifests/${tag}`), manifestAfter: await look(`manifests/${digest}`) })
    }
  }
  for (const { digest } of data.manifests.toReversed()) {
    const reply = await remove(`manifests/${digest}`)
    deleted.manifests.push({ reply, after: await look(`manifests/${digest}`), again: await remove(`manifests/${digest}`) })
  }
  const referrers: Deleted['referrers'][number][] = []
  for (const { digest, subject } of withSubject(data)) referrers.push({ digest, reply: await registry.get(`/v2/${repository}/referrers/${subject}`) })
  for (const digest of data.blobs.keys()) {
    const reply = await remove(`blobs/${digest}`)
    deleted.blobs.push({ reply, after: await look(`blobs/${digest}`) })
  }
  return { ...pushed, ...deleted, referrers }
}

function losesTags({ tags }: Deleted): void {
  for (const { reply, tagAfter, manifestAfter } of tags) assert.deepEqual([reply.status, tagAfter.status, manifestAfter.status], [202, 404, 200])
}

function losesManifests({ manifests }: Deleted): void {
  for (const { reply, after, again } of manifests) assert.deepEqual([reply.status, after.status, again.status], [202, 404, 404])
}

function isNoReferrer({ referrers }: Deleted): void {
  for (const { digest, reply } of referrers) assert.ok(!listedIn(reply).some((listed) => listed.digest === digest))
}

function losesBlobs({ blobs }: Deleted): void {
  for (const { reply, after } of blobs) assert.deepEqual([reply.status, after.status], [202, 404])
}
