import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandResult, run } from '../support/command.ts'
import { dockerManifestType, ociIndexType, ociManifestType } from '../support/registry-client.ts'
import { type Client, defineClient, type Ground } from './client.ts'
import { type AllImages, assertGone, assertMounted, assertSameBlobs, assertServed, assertZstd, ok, type Place } from './place.ts'
import { findVersionOf } from './programs.ts'
import { type Site, trustInFolder } from './site.ts'

export const skopeo: Client = defineClient<Ground>({
  name: 'skopeo',
  findVersion: () => findVersionOf('skopeo', ['--version'], /version (\S+)/),
  trusts: '`/etc/containers/certs.d/registry.example:5000/ca.crt`; beside it `client.cert` and `client.key`',
  open: (ground) => Promise.resolve(ground),
  trust: (_, site) => trustInFolder('/etc/containers/certs.d', site),
  cells: {
    login: async (_, place) => assert.match(ok(await logIn(place.site)), /Login Succeeded/),
    async identity(_, place) {
      ok(await logIn(place.mutual))
      ok(await skopeoAt(place.mutual, 'copy', `oci:${place.images.small}:v1`, `docker://${place.mutual.host}/skopeo/identity:v1`))
      ok(await skopeoAt(place.mutual, 'inspect', `docker://${place.mutual.host}/skopeo/identity:v1`))
    },
    pushSchema2: (_, place) => push(place, 'oci:small:v1', 'schema2:v1', dockerManifestType, '--format', 'v2s2'),
    pushOci: (_, place) => push(place, 'oci:small:v1', 'oci:v1', ociManifestType),
    async pushZstd(_, place) {
      await push(place, 'oci:zstd:latest', 'zstd:v1', ociManifestType)
      await assertZstd(place, place.own('zstd:v1'))
    },
    pushIndex: (_, place) => push(place, 'oci:multi:latest', 'multi:v1', ociIndexType, '--all'),
    pushHuge: (_, place) => push(place, 'oci:huge:latest', 'huge:v1', ociManifestType),
    pushDeep: (_, place) => push(place, 'oci:deep:latest', 'deep:v1', ociManifestType),
    async mount(_, place) {
      // @NOTE only the second time does skopeo know where the layers are
      for (const name of ['unmounted:v2', 'mount:v2'])
        ok(await skopeoAt(place.site, 'copy', `docker://${place.stock('small:v2')}`, `docker://${place.own(name)}`))
      await assertMounted(place, place.own('mount:v2'))
    },
    pullTag: (_, place) => pull(place, place.stock('small:v1'), 'small'),
    async pullDigest(_, place) {
      const digest = ok(await skopeoAt(place.site, 'inspect', '--format', '{{.Digest}}', `docker://${place.stock('small:v1')}`)).trim()
      await pull(place, `${place.stock('small')}@${digest}`, 'small')
    },
    pullPlatform: (_, place) => pull(place, place.stock('multi:latest'), 'multi', '--override-arch', 'arm64'),
    async pullAllTags(_, place) {
      const target = await mkdtemp(join(place.folder, 'all-tags-'))
      assert.match(ok(await skopeoAt(place.site, 'sync', '--src', 'docker', '--dest', 'dir', place.stock('small'), target)), /^/)
      for (const tag of ['v1', 'v2']) ok(await run('skopeo', ['inspect', `dir:${join(target, `small:${tag}`)}`]))
    },
    pullZstd: (_, place) => pull(place, place.stock('zstd:latest'), 'zstd'),
    pullHuge: (_, place) => pull(place, place.stock('huge:latest'), 'huge'),
    pullDeep: (_, place) => pull(place, place.stock('deep:latest'), 'deep'),
    build: 'builds nothing',
    cache: 'builds nothing',
    run: 'runs nothing',
    makeIndex: 'no command',
    async inspect(_, place) {
      const raw = ok(await skopeoAt(place.site, 'inspect', '--raw', `docker://${place.stock('multi:latest')}`))
      assert.equal((JSON.parse(raw) as { manifests: object[] }).manifests.length, 2)
    },
    async tags(_, place) {
      const listed = JSON.parse(ok(await skopeoAt(place.site, 'list-tags', `docker://${place.stock('small')}`))) as { Tags: string[] }
      assert.deepEqual(listed.Tags, ['v1', 'v2'])
    },
    catalog: 'no command',
    search: 'no command',
    async deleteManifest(_, place) {
      await push(place, 'oci:small:v2', 'deleted:v2', ociManifestType)
      ok(await skopeoAt(place.site, 'delete', `docker://${place.own('deleted:v2')}`))
      await assertGone(place, place.own('deleted:v2'))
    },
    deleteTag: 'no command',
    artifact: 'no command',
    copyReferrers: 'no command',
  },
  attempts: {
    login: (_, site) => logIn(site),
    pull: (_, site, name) => skopeoAt(site, 'inspect', `docker://${site.host}/${name}`),
    push: ({ images }, site, name) => skopeoAt(site, 'copy', '--quiet', `oci:${images.small}:v1`, `docker://${site.host}/${name}`),
  },
})

/** Runs skopeo with what it has been given for a registry. */
export function skopeoAt(site: Site, ...args: string[]): Promise<CommandResult> {
  return run('skopeo', args, { env: { REGISTRY_AUTH_FILE: join(site.folder, 'config.json') } })
}

function logIn(site: Site): Promise<CommandResult> {
  const args = ['login', '--username', site.credentials?.user ?? '', '--password-stdin', site.host]
  return run('skopeo', args, { env: { REGISTRY_AUTH_FILE: join(site.folder, 'login.json') }, input: site.credentials?.password ?? '' })
}

/** Pushes `oci:LAYOUT:TAG` to a repository of skopeo's. */
async function push(place: Place, source: string, name: string, type: string, ...options: string[]): Promise<void> {
  const [, layout, tag] = source.split(':')
  ok(await skopeoAt(place.site, 'copy', ...options, `oci:${place.images[layout as keyof AllImages]}:${tag}`, `docker://${place.own(name)}`))
  await assertServed(place, place.own(name), type)
}

async function pull(place: Place, image: string, layout: keyof AllImages, ...options: string[]): Promise<void> {
  const target = await mkdtemp(join(place.folder, 'pulled-'))
  ok(await skopeoAt(place.site, ...options, 'copy', '--preserve-digests', `docker://${image}`, `oci:${target}:it`))
  await assertSameBlobs(target, place.images[layout])
}
