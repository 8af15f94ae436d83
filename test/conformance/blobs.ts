import assert from 'node:assert/strict'
import { type DigestAlgorithm, digestOf } from '../../src/oci/digest.ts'
import type { Client, HttpReply } from '../support/http-client.ts'
import { bytesFor } from './bytes.ts'
import { type Chapter, chapter, claims } from './chapter.ts'
import { beginUpload, chunkOf, locationOf, type Parcel, pushInOnePut, thirdsOf, waysToPush, withQuery } from './ways-to-push.ts'

const algorithms: readonly DigestAlgorithm[] = ['sha256', 'sha512']

const contents: Readonly<Record<string, (name: string) => Buffer>> = {
  'random bytes': (name) => bytesFor(name, 3 * 1024 - 5),
  'no bytes': () => Buffer.alloc(0),
  'an empty JSON object': () => Buffer.from('{}'),
}

const parcelOf = (repository: string, bytes: Buffer, algorithm: DigestAlgorithm): Parcel => ({ repository, bytes, digest: digestOf(bytes, algorithm) })

/** Every way to push, with every content, under every algorithm. */
const pushed: readonly Chapter[] = algorithms.flatMap((algorithm) =>
  waysToPush.flatMap(({ section, name, push }, way) =>
    Object.entries(contents).map(([what, make], content) => {
      const repository = `walk/blobs/${algorithm}/${way}-${content}`
      return chapter(
        { version: '1.0', section, title: `${what}, ${algorithm}, pushed with ${name}` },
        async (registry) => {
          const parcel = parcelOf(repository, make(repository), algorithm)
          return { ...parcel, reply: await push(registry, parcel) }
        },
        {
          'are taken with 201': ({ reply }) => assert.equal(reply.status, 201),
          'are where the Location says': async ({ reply, bytes }, registry) => {
            const { status, body } = await registry.get(locationOf(reply))
            assert.deepEqual([status, body.equals(bytes)], [200, true])
          },
          'come back whole': async ({ digest, bytes }, registry) => {
            const { status, headers, body } = await registry.get(blobPath({ repository, digest }))
            assert.deepEqual([status, headers['content-length'], body.equals(bytes)], [200, String(bytes.length), true])
          },
          'are known to HEAD by their size': async ({ digest, bytes }, registry) => {
            const { status, headers, body } = await registry.send('HEAD', blobPath({ repository, digest }))
            assert.deepEqual([status, headers['content-length'], body.length], [200, String(bytes.length), 0])
          },
        },
      )
    }),
  ),
)

/** The same ways, with bytes that are not what the digest says. */
const corrupted: readonly Chapter[] = algorithms.map((algorithm) =>
  claims(
    { version: '1.0', section: 'Pushing blobs', title: `bytes that are not what their ${algorithm} digest says` },
    Object.fromEntries(
      waysToPush.map(({ name, push }, way) => [
        `are refused with 400, pushed with ${name}, and not stored`,
        async (registry: Client) => {
          const parcel = parcelOf(`walk/corrupted/${algorithm}/${way}`, bytesFor(`corrupted ${way}`, 3000), algorithm)
          const reply = await push(registry, { ...parcel, bytes: Buffer.concat([parcel.bytes, Buffer.from('more')]) })
          assert.deepEqual([reply.status, reply.codes], [400, ['DIGEST_INVALID']])
          assert.equal((await registry.send('HEAD', blobPath(parcel))).status, 404)
        },
      ]),
    ),
  ),
)

/** Sends a chunk that does not follow, is told where the upload is, and goes on from there. */
async function pushOutOfOrder(registry: Client, parcel: Parcel, isLastInPut: boolean): Promise<void> {
  const { repository, bytes, digest } = parcel
  let upload = await beginUpload(registry, repository)
  const thirds = thirdsOf(bytes)
  for (const { first, last, isLast } of thirds) {
    const wrong = thirds.find((third) => third.first > first) ?? { first: 0, last: 99 }
    const [method, target] = isLast && isLastInPut ? ['PUT', withQuery(upload, 'digest', digest)] : ['PATCH', upload]
    assert.equal((await registry.send(method, target, chunkOf(bytes, wrong.first, wrong.last))).status, 416)
    const progress = await registry.get(upload)
    assert.deepEqual([progress.status, progress.headers['range']], [204, `0-${Math.max(0, first - 1)}`])
    const reply = await registry.send(method, locationQuery(locationOf(progress), target), chunkOf(bytes, first, last))
    assert.equal(reply.status, method === 'PUT' ? 201 : 202)
    if (method === 'PUT') return
    upload = locationOf(reply)
  }
  assert.equal((await registry.send('PUT', withQuery(upload, 'digest', digest))).status, 201)
}

/** The upload's newest address, with the digest that the old one had. */
function locationQuery(newest: string, old: string): string {
  const digest = /[?&]digest=([^&]+)/.exec(old)?.[1]
  return digest ? withQuery(newest, 'digest', decodeURIComponent(digest)) : newest
}

const outOfOrder: readonly Chapter[] = [
  claims(
    { version: '1.0', section: 'Pushing a blob in chunks', title: 'a chunk that does not follow' },
    {
      'is refused with 416 in a PATCH, and the upload goes on': (registry) =>
        pushOutOfOrder(registry, parcelOf('walk/order', bytesFor('order', 3000), 'sha256'), false),
    },
  ),
  claims(
    { version: 'dev', section: 'Pushing a blob in chunks', title: 'a last chunk that does not follow' },
    {
      'is refused with 416 in the closing PUT, and the upload goes on': (registry) =>
        pushOutOfOrder(registry, parcelOf('walk/order', bytesFor('last order', 3000), 'sha256'), true),
    },
  ),
]

const progress: Chapter = chapter(
  { version: '1.1', section: 'Pushing a blob in chunks', title: 'an upload in progress' },
  async (registry) => {
    const bytes = bytesFor('progress', 3000)
    const patched = await registry.send('PATCH', await beginUpload(registry, 'walk/progress'), chunkOf(bytes, 0, 999))
    return { bytes, upload: locationOf(patched) }
  },
  {
    'tells with 204 how far it is and where it goes on': async ({ upload }, registry) => {
      const reply = await registry.get(upload)
      assert.deepEqual([reply.status, reply.headers['range']], [204, '0-999'])
      locationOf(reply)
    },
    'is unknown with 404 when it never was': async ({ upload }, registry) => {
      assert.equal((await registry.get(upload.replace(/[0-9a-f-]{36}/, '00000000-0000-4000-8000-000000000000'))).status, 404)
    },
  },
)

const cancelled: Chapter = claims(
  { version: 'dev', section: 'Canceling a blob upload', title: 'an upload that is cancelled' },
  {
    'is answered with 204 and gone': async (registry) => {
      const upload = await beginUpload(registry, 'walk/cancelled')
      assert.equal((await registry.send('DELETE', upload)).status, 204)
      assert.equal((await registry.get(upload)).status, 404)
    },
  },
)

const namedAlgorithm: Chapter = claims(
  { version: 'dev', section: 'POST then PUT', title: 'an upload that begins with digest-algorithm' },
  {
    'ends with a digest of it': async (registry) => {
      const { repository, bytes, digest } = parcelOf('walk/algorithm', bytesFor('algorithm', 3000), 'sha512')
      const upload = await beginUpload(registry, repository, '?digest-algorithm=sha512')
      assert.equal((await registry.send('PUT', withQuery(upload, 'digest', digest), { body: bytes })).status, 201)
    },
    'is refused with 400 when there is no such algorithm': async (registry) => {
      assert.equal((await registry.send('POST', '/v2/walk/algorithm/blobs/uploads/?digest-algorithm=md5')).status, 400)
    },
  },
)

/** A mount, from a repository that is named or found. */
function mounts(version: '1.0' | '1.1', title: string, querySource: (source: string) => string): Chapter[] {
  return algorithms.map((algorithm) => {
    const name = `walk/mounted/${version}-${algorithm}`.replace('1.', '1-')
    return chapter(
      { version, section: 'Mounting a blob from another repository', title: `a ${algorithm} blob ${title}` },
      async (registry) => {
        const parcel = parcelOf(`${name}/source`, bytesFor(name, 512), algorithm)
        await pushInOnePut(registry, parcel)
        const reply = await registry.send('POST', `/v2/${name}/blobs/uploads/?mount=${parcel.digest}${querySource(parcel.repository)}`)
        return { ...parcel, reply }
      },
      {
        'is mounted with 201': ({ reply }) => assert.equal(reply.status, 201),
        'is where the Location says': async ({ reply, bytes }, registry) => {
          const { status, body } = await registry.get(locationOf(reply))
          assert.deepEqual([status, body.equals(bytes)], [200, true])
        },
        'is in the repository it was mounted to': async ({ digest }, registry) => {
          assert.equal((await registry.send('HEAD', blobPath({ repository: name, digest }))).status, 200)
        },
      },
    )
  })
}

const notMounted: Chapter = claims(
  { version: '1.0', section: 'Mounting a blob from another repository', title: 'a blob that is not in the other repository' },
  {
    'is not mounted: an upload begins with 202 instead': async (registry) => {
      const { bytes, digest } = parcelOf('walk/unmounted', bytesFor('unmounted', 512), 'sha256')
      const upload = await beginUpload(registry, 'walk/unmounted', `?mount=${digest}&from=walk/nothing`)
      assert.equal((await registry.send('PUT', withQuery(upload, 'digest', digest), { body: bytes })).status, 201)
    },
  },
)

/** What the main branch makes a MUST: the digest in every answer about a blob. */
const named: readonly Chapter[] = algorithms.flatMap((algorithm) =>
  waysToPush.map(({ name, push }, way) => {
    const repository = `walk/named/${algorithm}/${way}`
    const isNamed = (digest: string, { status, headers }: HttpReply, wanted: number) =>
      assert.deepEqual([status, headers['docker-content-digest']], [wanted, digest])
    return chapter(
      { version: 'dev', section: 'Pulling blobs', title: `the digest of a ${algorithm} blob pushed with ${name}` },
      async (registry) => {
        const parcel = parcelOf(repository, bytesFor(repository, 512), algorithm)
        return { ...parcel, reply: await push(registry, parcel) }
      },
      {
        'is in the answer to the push': ({ digest, reply }) => isNamed(digest, reply, 201),
        'is in the answers to GET and HEAD': async ({ digest }, registry) => {
          for (const method of ['GET', 'HEAD']) isNamed(digest, await registry.send(method, blobPath({ repository, digest })), 200)
        },
      },
    )
  }),
)

const SIZE = 2048
const ranges: Readonly<Record<string, { readonly status: number; readonly first?: number; readonly last?: number }>> = {
  '500-1499': { status: 206, first: 500, last: 1499 },
  '0-0': { status: 206, first: 0, last: 0 },
  '500-': { status: 206, first: 500, last: SIZE - 1 },
  '-500': { status: 206, first: SIZE - 500, last: SIZE - 1 },
  '2000-5000': { status: 206, first: 2000, last: SIZE - 1 },
  '500-0': { status: 416 },
  '5000-10000': { status: 416 },
}

const partly: Chapter = chapter(
  { version: '1.0', section: 'Pulling blobs', title: `a Range of a blob of ${SIZE} bytes` },
  async (registry) => {
    const parcel = parcelOf('walk/ranges', bytesFor('ranges', SIZE), 'sha256')
    await pushInOnePut(registry, parcel)
    return parcel
  },
  Object.fromEntries(
    Object.entries(ranges).map(([range, { status, first = 0, last = 0 }]) => [
      `bytes=${range} is answered with ${status}`,
      async (parcel: Parcel, registry: Client) => {
        const reply = await registry.get(blobPath(parcel), { range: `bytes=${range}` })
        assert.equal(reply.status, status)
        if (status === 416) return
        assert.deepEqual([reply.headers['content-range'], reply.headers['content-length']], [`bytes ${first}-${last}/${SIZE}`, String(last - first + 1)])
        assert.ok(reply.body.equals(parcel.bytes.subarray(first, last + 1)))
      },
    ]),
  ),
)

const deleted: readonly Chapter[] = algorithms.map((algorithm) =>
  claims(
    { version: '1.0', section: 'Deleting Blobs', title: `a ${algorithm} blob that is deleted` },
    {
      'is answered with 202 and gone at once': async (registry) => {
        const parcel = parcelOf('walk/deleted', bytesFor('deleted', 512), algorithm)
        await pushInOnePut(registry, parcel)
        assert.equal((await registry.send('DELETE', blobPath(parcel))).status, 202)
        assert.equal((await registry.send('HEAD', blobPath(parcel))).status, 404)
      },
      'is answered with 404 when it never was': async (registry) => {
        const { digest } = parcelOf('', bytesFor('never', 512), algorithm)
        assert.equal((await registry.send('DELETE', blobPath({ repository: 'walk/deleted', digest }))).status, 404)
      },
    },
  ),
)

export const blobChapters: readonly Chapter[] = [
  ...pushed,
  ...corrupted,
  ...outOfOrder,
  progress,
  ...mounts('1.0', 'that another repository has', (source) => `&from=${encodeURIComponent(source)}`),
  ...mounts('1.1', 'that some other repository has', () => ''),
  notMounted,
  partly,
  ...deleted,
  cancelled,
  namedAlgorithm,
  ...named,
]

function blobPath({ repository, digest }: Pick<Parcel, 'repository' | 'digest'>): string {
  return `/v2/${repository}/blobs/${digest}`
}
