import assert from 'node:assert/strict'
import { mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandResult, run } from '../support/command.ts'
import { digestOf, dockerManifestType, ociIndexType, ociManifestType } from '../support/registry-client.ts'
import { type Client, defineClient, type Ground } from './client.ts'
import { type AllImages, assertGone, assertMounted, assertServed, getWhole, type Manifest, makeArtifact, ok, type Place, splitImage } from './place.ts'
import { findVersionOf } from './programs.ts'
import type { Site } from './site.ts'

const ANY_MANIFEST = `Accept: ${ociManifestType}, ${ociIndexType}, ${dockerManifestType}`

/** Somebody with curl and the specification. */
export const curl: Client = defineClient<Ground>({
  name: 'curl',
  findVersion: () => findVersionOf('curl', ['--version'], /curl (\S+)/),
  trusts: '`--cacert ca.crt`, with `--cert` and `--key`',
  open: (ground) => Promise.resolve(ground),
  cells: {
    login: async (_, place) => assert.equal(ok(await ask(place.site, '/v2/')).trim(), '{}'),
    async identity(_, place) {
      assert.equal(ok(await ask(place.mutual, '/v2/')).trim(), '{}')
      ok(await ask(place.mutual, '/v2/stock/small/manifests/v1', '--fail', '-H', ANY_MANIFEST))
    },
    async pushSchema2(_, place) {
      await mountAll(place, 'schema2:v1')
      await assertServed(place, place.own('schema2:v1'), dockerManifestType)
    },
    pushOci: (_, place) => push(place, 'small', 'oci:v1'),
    pushZstd: (_, place) => push(place, 'zstd', 'zstd:v1'),
    pushIndex: (_, place) => push(place, 'multi', 'multi:v1'),
    pushHuge: (_, place) => push(place, 'huge', 'huge:v1'),
    pushDeep: (_, place) => push(place, 'deep', 'deep:v1'),
    async mount(_, place) {
      await mountAll(place, 'mount:v1')
      await assertMounted(place, place.own('mount:v1'))
    },
    pullTag: (_, place) => pull(place, place.stock('small:v1')),
    async pullDigest(_, place) {
      const { digest } = await getWhole(place, place.stock('small:v1'))
      await pull(place, `${place.stock('small')}@${digest}`)
    },
    async pullPlatform(_, place) {
      const index = JSON.parse(await getManifest(place, place.stock('multi:latest'))) as Manifest
      const arm = index.manifests?.find(({ platform }) => platform?.architecture === 'arm64')
      await pull(place, `${place.stock('multi')}@${arm?.digest}`)
    },
    async pullAllTags(_, place) {
      const { tags } = JSON.parse(ok(await ask(place.site, '/v2/stock/small/tags/list'))) as { tags: string[] }
      for (const tag of tags) await pull(place, place.stock(`small:${tag}`))
    },
    pullZstd: (_, place) => pull(place, place.stock('zstd:latest')),
    pullHuge: (_, place) => pull(place, place.stock('huge:latest')),
    pullDeep: (_, place) => pull(place, place.stock('deep:latest')),
    build: 'builds nothing',
    cache: 'builds nothing',
    run: 'runs nothing',
    async makeIndex(_, place) {
      await mountAll(place, 'joined:v1')
      const { digest, size } = await getWhole(place, place.own('joined:v1'))
      const manifests = ['amd64', 'arm64'].map((architecture) => ({ mediaType: dockerManifestType, digest, size, platform: { os: 'linux', architecture } }))
      await putManifest(place, place.own('joined:v2'), {
        mediaType: ociIndexType,
        bytes: JSON.stringify({ schemaVersion: 2, mediaType: ociIndexType, manifests }),
      })
      await assertServed(place, place.own('joined:v2'), ociIndexType)
    },
    async inspect(_, place) {
      assert.match(
        ok(await ask(place.site, '/v2/stock/multi/manifests/latest', '--head', '-H', ANY_MANIFEST)),
        new RegExp(`content-type: ${ociIndexType.replace('+', '\\+')}`, 'i'),
      )
    },
    async tags(_, place) {
      assert.deepEqual(JSON.parse(ok(await ask(place.site, '/v2/stock/small/tags/list'))), { name: 'stock/small', tags: ['v1', 'v2'] })
    },
    async catalog(_, place) {
      assert.match(ok(await ask(place.site, '/v2/_catalog')), /"stock\/multi".*"stock\/small"/)
    },
    search: 'the API has none',
    async deleteManifest(_, place) {
      await mountAll(place, 'deleted:v1')
      const { digest } = await getWhole(place, place.own('deleted:v1'))
      assert.equal(await remove(place, `${place.own('deleted')}@${digest}`), '202')
      await assertGone(place, place.own('deleted:v1'))
    },
    async deleteTag(_, place) {
      await mountAll(place, 'untagged:v1')
      const { digest } = await getWhole(place, place.own('untagged:v1'))
      assert.equal(await remove(place, place.own('untagged:v1')), '202')
      await assertGone(place, place.own('untagged:v1'))
      await getWhole(place, `${place.own('untagged')}@${digest}`)
    },
    async artifact(_, place) {
      await push(place, 'small', 'artifact:v1')
      const { manifest, blob, subject } = await makeArtifact(place, place.own('artifact:v1'))
      await upload(place, place.own('artifact'), blob)
      const path = `/v2/${splitImage(place.own('artifact:v1')).repository}/referrers/${subject}`
      await putManifest(place, `${place.own('artifact')}@${digestOf(manifest)}`, { mediaType: ociManifestType, bytes: manifest })
      assert.match(ok(await ask(place.site, path)), new RegExp(digestOf(manifest)))
    },
    copyReferrers: 'no command',
  },
  attempts: {
    login: (_, site) => ask(site, '/v2/', '--fail-with-body'),
    pull: (_, site, name) => ask(site, pathOf(`${site.host}/${name}`), '--fail-with-body'),
    push: (_, site, name) => ask(site, `/v2/${splitImage(`/${name}`).repository}/blobs/uploads/`, '--fail-with-body', '-X', 'POST'),
  },
})

function ask(site: Site, path: string, ...options: string[]): Promise<CommandResult> {
  const { ca, identity, credentials } = site
  const trust = ca ? ['--cacert', ca] : []
  const presented = identity ? ['--cert', identity.certificate, '--key', identity.key] : []
  const user = credentials ? ['--user', `${credentials.user}:${credentials.password}`] : []
  const url = path.startsWith('https:') ? path : `https://${site.host}${path}`
  return run('curl', ['--silent', '--show-error', ...trust, ...presented, ...user, ...options, url])
}

function pathOf(image: string): string {
  const { repository, reference } = splitImage(image)
  return `/v2/${repository}/manifests/${reference}`
}

async function getManifest(place: Place, image: string): Promise<string> {
  return ok(await ask(place.site, pathOf(image), '--fail', '-H', ANY_MANIFEST))
}

async function putManifest(place: Place, image: string, { mediaType, bytes }: { mediaType: string; bytes: string }): Promise<void> {
  ok(await ask(place.site, pathOf(image), '--fail-with-body', '-X', 'PUT', '-H', `Content-Type: ${mediaType}`, '--data-binary', bytes))
}

function blobsOf({ config, layers = [] }: Manifest): readonly { digest: string }[] {
  return config ? [config, ...layers] : layers
}

/** `POST`, then `PUT` of a file, or of the bytes given. */
async function upload(place: Place, repository: string, content: { file: string; digest: string }): Promise<void> {
  const location = ok(
    await ask(place.site, `/v2/${splitImage(`${repository}:`).repository}/blobs/uploads/`, '--fail-with-body', '-X', 'POST', '-w', '%header{location}'),
  )
  const target = `${location}${location.includes('?') ? '&' : '?'}digest=${content.digest}`
  ok(await ask(place.site, target, '--fail-with-body', '-H', 'Content-Type: application/octet-stream', '--upload-file', content.file))
}

/** Pushes what a layout's first reference names, blobs first. */
async function push(place: Place, layout: keyof AllImages, name: string): Promise<void> {
  const at = (digest: string): string => join(place.images[layout], 'blobs', digest.replace(':', '/'))
  const repository = place.own(name.slice(0, name.indexOf(':')))
  const pushOne = async (reference: string, { digest, mediaType }: { digest: string; mediaType: string }): Promise<void> => {
    const bytes = await readFile(at(digest), 'utf8')
    const manifest = JSON.parse(bytes) as Manifest
    for (const blob of blobsOf(manifest)) await upload(place, repository, { file: at(blob.digest), digest: blob.digest })
    for (const child of manifest.manifests ?? []) await pushOne(`${repository}@${child.digest}`, child)
    await putManifest(place, reference, { mediaType, bytes })
  }
  const { manifests } = JSON.parse(await readFile(join(place.images[layout], 'index.json'), 'utf8')) as Required<Manifest>
  const [first] = manifests
  assert.ok(first)
  await pushOne(place.own(name), first)
  await assertServed(place, place.own(name), first.mediaType)
}

async function pull(place: Place, image: string): Promise<void> {
  const target = await mkdtemp(join(place.folder, 'pulled-'))
  const { repository } = splitImage(image)
  const blobs = blobsOf(JSON.parse(await getManifest(place, image)) as Manifest)
  assert.ok(blobs.length >= 2)
  for (const { digest } of blobs) {
    const file = join(target, digest)
    ok(await ask(place.site, `/v2/${repository}/blobs/${digest}`, '--fail', '--location', '-o', file))
    assert.equal(digestOf(await readFile(file)), digest)
  }
}

/** Mounts every blob of a stocked image, and puts its manifest. */
async function mountAll(place: Place, name: string): Promise<void> {
  const bytes = await getManifest(place, place.stock('schema2:v1'))
  const { repository } = splitImage(place.own(name))
  for (const { digest } of blobsOf(JSON.parse(bytes) as Manifest)) {
    const answer = await ask(place.site, `/v2/${repository}/blobs/uploads/?mount=${digest}&from=stock/schema2`, '-X', 'POST', '-w', '%{http_code}')
    assert.equal(ok(answer), '201')
  }
  await putManifest(place, place.own(name), { mediaType: dockerManifestType, bytes })
}

async function remove(place: Place, image: string): Promise<string> {
  return ok(await ask(place.site, pathOf(image), '-X', 'DELETE', '-w', '%{http_code}'))
}
