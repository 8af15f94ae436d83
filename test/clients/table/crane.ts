import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandResult, run, runOk } from '../support/command.ts'
import { dockerManifestType, ociIndexType, ociManifestType } from '../support/registry-client.ts'
import { type Client, defineClient, type Ground } from './client.ts'
import { findGoProgram, type GoProgram } from './go-programs.ts'
import { assertGone, assertMounted, assertSameBlobs, assertServed, getWhole, ok, type Place } from './place.ts'
import type { Site } from './site.ts'

const PROGRAM: GoProgram = { name: 'crane', module: 'github.com/google/go-containerregistry/cmd/crane', version: 'v0.22.1' }

interface CraneTool extends Ground {
  readonly program: string
}

export const crane: Client = defineClient<CraneTool>({
  name: 'crane',
  findVersion: async () => ((await findGoProgram(PROGRAM)) === undefined ? undefined : PROGRAM.version.slice(1)),
  trusts: 'the file that `SSL_CERT_FILE` names',
  open: async (ground) => ({ ...ground, program: (await findGoProgram(PROGRAM)) ?? '' }),
  cells: {
    login: async (tool, place) => assert.match((await logIn(tool, place.site)).stderr, /logged in via/),
    identity: 'no option for one',
    async pushSchema2(tool, place) {
      ok(await craneAt(tool, place.site, 'push', place.images.dockerArchive, place.own('schema2:v1')))
      await assertServed(place, place.own('schema2:v1'), dockerManifestType)
    },
    async pushOci(tool, place) {
      const layout = await mkdtemp(join(place.folder, 'one-'))
      await runOk('skopeo', ['copy', '--quiet', `oci:${place.images.small}:v1`, `oci:${layout}:v1`])
      await push(tool, place, [layout, 'oci:v1'], ociManifestType)
    },
    pushZstd: (tool, place) => push(tool, place, [place.images.zstd, 'zstd:v1'], ociManifestType),
    pushIndex: (tool, place) => push(tool, place, [place.images.multi, 'multi:v1'], ociIndexType, '--index'),
    pushHuge: (tool, place) => push(tool, place, [place.images.huge, 'huge:v1'], ociManifestType),
    pushDeep: (tool, place) => push(tool, place, [place.images.deep, 'deep:v1'], ociManifestType),
    async mount(tool, place) {
      ok(await craneAt(tool, place.site, 'copy', place.stock('small:v2'), place.own('mount:v2')))
      await assertMounted(place, place.own('mount:v2'))
    },
    pullTag: (tool, place) => pull(tool, place, place.stock('small:v1'), place.images.small),
    async pullDigest(tool, place) {
      const { digest } = await getWhole(place, place.stock('small:v1'))
      await pull(tool, place, `${place.stock('small')}@${digest}`, place.images.small)
    },
    pullPlatform: (tool, place) => pull(tool, place, place.stock('multi:latest'), place.images.multi, '--platform', 'linux/arm64'),
    async pullAllTags(tool, place) {
      ok(await craneAt(tool, place.site, 'copy', '--all-tags', place.stock('small'), place.own('all-tags')))
      for (const tag of ['v1', 'v2']) await getWhole(place, place.own(`all-tags:${tag}`))
    },
    pullZstd: (tool, place) => pull(tool, place, place.stock('zstd:latest'), place.images.zstd),
    pullHuge: (tool, place) => pull(tool, place, place.stock('huge:latest'), place.images.huge),
    pullDeep: (tool, place) => pull(tool, place, place.stock('deep:latest'), place.images.deep),
    async build(tool, place) {
      const archive = join(await mkdtemp(join(place.folder, 'layer-')), 'layer.tar')
      await runOk('tar', ['--create', '--file', archive, '--directory', import.meta.dirname, 'crane.ts'])
      ok(await craneAt(tool, place.site, 'append', '--base', place.stock('runnable:latest'), '--new_layer', archive, '--new_tag', place.own('built:v1')))
      assert.equal((await getWhole(place, place.own('built:v1'))).manifest.layers?.length, 2)
    },
    cache: 'has no cache',
    run: 'runs nothing',
    async makeIndex(tool, place) {
      const parts = ['v1', 'v2'].flatMap((tag) => ['-m', place.stock(`small:${tag}`)])
      ok(await craneAt(tool, place.site, 'index', 'append', ...parts, '-t', place.own('joined:v1')))
      await assertServed(place, place.own('joined:v1'), ociIndexType)
    },
    async inspect(tool, place) {
      const manifest = JSON.parse(ok(await craneAt(tool, place.site, 'manifest', place.stock('multi:latest')))) as { manifests: object[] }
      assert.equal(manifest.manifests.length, 2)
      assert.match(ok(await craneAt(tool, place.site, 'digest', place.stock('small:v1'))), /^sha256:/)
      ok(await craneAt(tool, place.site, 'validate', '--remote', place.stock('small:v1')))
    },
    tags: async (tool, place) => assert.equal(ok(await craneAt(tool, place.site, 'ls', place.stock('small'))), 'v1\nv2\n'),
    catalog: async (tool, place) => assert.match(ok(await craneAt(tool, place.site, 'catalog', place.site.host)), /stock\/multi\n[\s\S]*stock\/small\n/),
    search: 'no command',
    async deleteManifest(tool, place) {
      ok(await craneAt(tool, place.site, 'copy', place.stock('small:v1'), place.own('deleted:v1')))
      const { digest } = await getWhole(place, place.own('deleted:v1'))
      ok(await craneAt(tool, place.site, 'delete', `${place.own('deleted')}@${digest}`))
      await assertGone(place, place.own('deleted:v1'))
    },
    async deleteTag(tool, place) {
      ok(await craneAt(tool, place.site, 'copy', place.stock('small:v1'), place.own('untagged:v1')))
      const { digest } = await getWhole(place, place.own('untagged:v1'))
      ok(await craneAt(tool, place.site, 'delete', place.own('untagged:v1')))
      await assertGone(place, place.own('untagged:v1'))
      await getWhole(place, `${place.own('untagged')}@${digest}`)
    },
    artifact: 'no command',
    copyReferrers: 'no command',
  },
  attempts: {
    // crane's login asks nobody
    pull: (tool, site, name) => craneAt(tool, site, 'manifest', `${site.host}/${name}`),
    push: (tool, site, name) => craneAt(tool, site, 'push', tool.images.dockerArchive, `${site.host}/${name}`),
  },
})

/** Runs crane with what it has been given for a registry; it reads docker's credentials, and trusts what Go trusts. */
function craneAt(tool: CraneTool, site: Site, ...args: string[]): Promise<CommandResult> {
  return run(tool.program, args, { env: { DOCKER_CONFIG: site.folder, ...trustOf(site) } })
}

async function logIn(tool: CraneTool, site: Site): Promise<CommandResult> {
  const config = await mkdtemp(join(site.folder, 'login-'))
  const args = ['auth', 'login', site.host, '--username', site.credentials?.user ?? '', '--password-stdin']
  return run(tool.program, args, { env: { DOCKER_CONFIG: config, ...trustOf(site) }, input: site.credentials?.password ?? '' })
}

function trustOf(site: Site): Record<string, string> {
  return site.ca ? { SSL_CERT_FILE: site.ca } : {}
}

async function push(tool: CraneTool, place: Place, [layout, name]: readonly [string, string], type: string, ...options: string[]): Promise<void> {
  ok(await craneAt(tool, place.site, 'push', ...options, layout, place.own(name)))
  await assertServed(place, place.own(name), type)
}

async function pull(tool: CraneTool, place: Place, image: string, layout: string, ...options: string[]): Promise<void> {
  const target = await mkdtemp(join(place.folder, 'pulled-'))
  ok(await craneAt(tool, place.site, 'pull', '--format', 'oci', ...options, image, target))
  await assertSameBlobs(target, layout)
}
