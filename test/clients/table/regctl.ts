import assert from 'node:assert/strict'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandResult, run, runOk } from '../support/command.ts'
import { dockerManifestType, ociIndexType, ociManifestType } from '../support/registry-client.ts'
import { type Client, defineClient, type Ground } from './client.ts'
import { findGoProgram, type GoProgram } from './go-programs.ts'
import { type AllImages, ARTIFACT_TYPE, assertGone, assertMounted, assertSameBlobs, assertServed, getWhole, ok, type Place } from './place.ts'
import type { Site } from './site.ts'

const PROGRAM: GoProgram = { name: 'regctl', module: 'github.com/regclient/regclient/cmd/regctl', version: 'v0.11.7' }

interface RegctlTool extends Ground {
  readonly program: string
}

export const regctl: Client = defineClient<RegctlTool>({
  name: 'regctl',
  findVersion: async () => ((await findGoProgram(PROGRAM)) === undefined ? undefined : PROGRAM.version.slice(1)),
  trusts: '`regctl registry set registry.example:5000 --cacert "$(cat ca.crt)"`, with `--client-cert` and `--client-key`',
  open: async (ground) => ({ ...ground, program: (await findGoProgram(PROGRAM)) ?? '' }),
  cells: {
    login: async (tool, place) => void ok(await logIn(tool, place.site)),
    async identity(tool, place) {
      ok(await logIn(tool, place.mutual))
      ok(await regctlAt(tool, place.mutual, 'image', 'copy', `${place.mutual.host}/stock/small:v1`, `${place.mutual.host}/regctl/identity:v1`))
    },
    async pushSchema2(tool, place) {
      ok(await regctlAt(tool, place.site, 'image', 'import', place.own('schema2:v1'), place.images.dockerArchive))
      await assertServed(place, place.own('schema2:v1'), dockerManifestType)
    },
    pushOci: (tool, place) => push(tool, place, 'small:v1', 'oci:v1'),
    pushZstd: (tool, place) => push(tool, place, 'zstd:latest', 'zstd:v1'),
    pushIndex: (tool, place) => push(tool, place, 'multi:latest', 'multi:v1', ociIndexType),
    pushHuge: (tool, place) => push(tool, place, 'huge:latest', 'huge:v1'),
    pushDeep: (tool, place) => push(tool, place, 'deep:latest', 'deep:v1'),
    async mount(tool, place) {
      ok(await regctlAt(tool, place.site, 'image', 'copy', place.stock('small:v2'), place.own('mount:v2')))
      await assertMounted(place, place.own('mount:v2'))
    },
    pullTag: (tool, place) => pull(tool, place, place.stock('small:v1'), 'small'),
    async pullDigest(tool, place) {
      const { digest } = await getWhole(place, place.stock('small:v1'))
      await pull(tool, place, `${place.stock('small')}@${digest}`, 'small')
    },
    pullPlatform: (tool, place) => pull(tool, place, place.stock('multi:latest'), 'multi', '--platform', 'linux/arm64'),
    async pullAllTags(tool, place) {
      ok(await regctlAt(tool, place.site, 'repo', 'copy', place.stock('small'), place.own('all-tags')))
      for (const tag of ['v1', 'v2']) await getWhole(place, place.own(`all-tags:${tag}`))
    },
    pullZstd: (tool, place) => pull(tool, place, place.stock('zstd:latest'), 'zstd'),
    pullHuge: (tool, place) => pull(tool, place, place.stock('huge:latest'), 'huge'),
    pullDeep: (tool, place) => pull(tool, place, place.stock('deep:latest'), 'deep'),
    async build(tool, place) {
      const archive = join(await mkdtemp(join(place.folder, 'layer-')), 'layer.tar')
      await runOk('tar', ['--create', '--file', archive, '--directory', import.meta.dirname, 'regctl.ts'])
      ok(await regctlAt(tool, place.site, 'image', 'mod', place.stock('runnable:latest'), '--create', place.own('built:v1'), '--layer-add', `tar=${archive}`))
      assert.equal((await getWhole(place, place.own('built:v1'))).manifest.layers?.length, 2)
    },
    cache: 'has no cache',
    run: 'runs nothing',
    async makeIndex(tool, place) {
      const parts = ['v1', 'v2'].flatMap((tag) => ['--ref', place.stock(`small:${tag}`)])
      ok(await regctlAt(tool, place.site, 'index', 'create', place.own('joined:v1'), ...parts))
      await assertServed(place, place.own('joined:v1'), ociIndexType)
      assert.equal((await getWhole(place, place.own('joined:v1'))).manifest.manifests?.length, 2)
    },
    async inspect(tool, place) {
      assert.match(ok(await regctlAt(tool, place.site, 'manifest', 'get', place.stock('multi:latest'))), /linux\/arm64/)
      assert.match(ok(await regctlAt(tool, place.site, 'image', 'inspect', place.stock('small:v1'))), /"rootfs"/)
    },
    tags: async (tool, place) => assert.equal(ok(await regctlAt(tool, place.site, 'tag', 'ls', place.stock('small'))), 'v1\nv2\n'),
    catalog: async (tool, place) => assert.match(ok(await regctlAt(tool, place.site, 'repo', 'ls', place.site.host)), /stock\/multi\n[\s\S]*stock\/small\n/),
    search: 'no command',
    async deleteManifest(tool, place) {
      await push(tool, place, 'small:v1', 'deleted:v1')
      const { digest } = await getWhole(place, place.own('deleted:v1'))
      ok(await regctlAt(tool, place.site, 'image', 'delete', `${place.own('deleted')}@${digest}`))
      await assertGone(place, place.own('deleted:v1'))
    },
    async deleteTag(tool, place) {
      await push(tool, place, 'small:v1', 'untagged:v1')
      const { digest } = await getWhole(place, place.own('untagged:v1'))
      ok(await regctlAt(tool, place.site, 'tag', 'delete', place.own('untagged:v1')))
      await assertGone(place, place.own('untagged:v1'))
      await getWhole(place, `${place.own('untagged')}@${digest}`)
    },
    async artifact(tool, place) {
      await pushWithArtifact(tool, place, 'artifact:v1')
      assert.match(ok(await regctlAt(tool, place.site, 'artifact', 'list', place.own('artifact:v1'))), new RegExp(ARTIFACT_TYPE))
      const content = ['artifact', 'get', '--subject', place.own('artifact:v1'), '--filter-artifact-type', ARTIFACT_TYPE]
      assert.equal(ok(await regctlAt(tool, place.site, ...content)), 'contents\n')
    },
    async copyReferrers(tool, place) {
      await pushWithArtifact(tool, place, 'referred:v1')
      ok(await regctlAt(tool, place.site, 'image', 'copy', '--referrers', place.own('referred:v1'), place.own('copied:v1')))
      assert.match(ok(await regctlAt(tool, place.site, 'artifact', 'list', place.own('copied:v1'))), new RegExp(ARTIFACT_TYPE))
    },
  },
  attempts: {
    login: logIn,
    pull: (tool, site, name) => regctlAt(tool, site, 'manifest', 'get', `${site.host}/${name}`),
    push: (tool, site, name) => regctlAt(tool, site, 'image', 'copy', `ocidir://${tool.images.small}:v1`, `${site.host}/${name}`),
  },
})

/** Runs regctl with what it has been given for a registry, in the form of its own configuration. */
async function regctlAt(tool: RegctlTool, site: Site, ...args: string[]): Promise<CommandResult> {
  const { user, password } = site.credentials ?? {}
  const config = await writeConfig(site, { user, pass: password })
  return run(tool.program, args, { env: { REGCTL_CONFIG: config } })
}

async function logIn(tool: RegctlTool, site: Site): Promise<CommandResult> {
  const args = ['registry', 'login', site.host, '--user', site.credentials?.user ?? '', '--pass-stdin']
  return run(tool.program, args, { env: { REGCTL_CONFIG: await writeConfig(site, {}) }, input: site.credentials?.password ?? '' })
}

async function writeConfig({ folder, host, ca, identity }: Site, credentials: { user?: string | undefined; pass?: string | undefined }): Promise<string> {
  const trusted = ca && { regcert: await readFile(ca, 'utf8') }
  const presented = identity && { clientCert: await readFile(identity.certificate, 'utf8'), clientKey: await readFile(identity.key, 'utf8') }
  const path = join(await mkdtemp(join(folder, 'regctl-')), 'config.json')
  await writeFile(path, JSON.stringify({ hosts: { [host]: { tls: 'enabled', hostname: host, ...trusted, ...presented, ...credentials } } }))
  return path
}

async function push(tool: RegctlTool, place: Place, source: string, name: string, type = ociManifestType): Promise<void> {
  const [layout, tag] = source.split(':')
  ok(await regctlAt(tool, place.site, 'image', 'copy', `ocidir://${place.images[layout as keyof AllImages]}:${tag}`, place.own(name)))
  await assertServed(place, place.own(name), type)
}

async function pull(tool: RegctlTool, place: Place, image: string, layout: keyof AllImages, ...options: string[]): Promise<void> {
  const target = await mkdtemp(join(place.folder, 'pulled-'))
  ok(await regctlAt(tool, place.site, 'image', 'copy', ...options, image, `ocidir://${target}:it`))
  await assertSameBlobs(target, place.images[layout])
}

async function pushWithArtifact(tool: RegctlTool, place: Place, name: string): Promise<void> {
  await push(tool, place, 'small:v1', name)
  const file = join(await mkdtemp(join(place.folder, 'artifact-')), 'contents.txt')
  await writeFile(file, 'contents\n')
  ok(await regctlAt(tool, place.site, 'artifact', 'put', '--artifact-type', ARTIFACT_TYPE, '--subject', place.own(name), '--file', file))
}
