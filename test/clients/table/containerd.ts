import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandResult, run } from '../support/command.ts'
import { type Containerd, startContainerd } from '../support/containerd.ts'
import { dockerManifestType, ociIndexType, ociManifestType } from '../support/registry-client.ts'
import { type Client, defineClient, type Ground } from './client.ts'
import { type AllImages, assertMounted, assertServed, getWhole, ok, type Place, splitImage } from './place.ts'
import { findVersionOf } from './programs.ts'
import { type Site, trustInFolder } from './site.ts'

interface CtrTool extends Ground {
  readonly containerd: Containerd
}

export const ctr: Client = defineClient<CtrTool>({
  name: 'ctr',
  findVersion: () => findVersionOf('ctr', ['--version'], /containerd (\S+)/),
  trusts: '`DIR/registry.example:5000/ca.crt`, with `--hosts-dir DIR`; beside it `client.cert` and `client.key`',
  open: async (ground) => ({ ...ground, containerd: await startContainerd(join(ground.folder, 'containerd')) }),
  close: (tool) => tool.containerd.stop(),
  trust: (tool, site) => trustInFolder(hostsOf(tool), site),
  cells: {
    login: 'every command takes the password',
    async identity(tool, place) {
      const image = `${place.mutual.host}/ctr/identity:v1`
      await load(tool, 'small', 'v1', image)
      ok(await images(tool, place.mutual, 'push', image))
      ok(await images(tool, place.mutual, 'pull', image))
    },
    async pushSchema2(tool, place) {
      await pull(tool, place, place.stock('schema2:v1'))
      await pushTagged(tool, place, [place.stock('schema2:v1'), place.own('schema2:v1')], dockerManifestType)
    },
    pushOci: (tool, place) => push(tool, place, ['small', 'v1', 'oci:v1']),
    pushZstd: (tool, place) => push(tool, place, ['zstd', 'latest', 'zstd:v1']),
    pushIndex: (tool, place) => push(tool, place, ['multi', 'latest', 'multi:v1'], ociIndexType),
    pushHuge: (tool, place) => push(tool, place, ['huge', 'latest', 'huge:v1']),
    pushDeep: (tool, place) => push(tool, place, ['deep', 'latest', 'deep:v1']),
    async mount(tool, place) {
      await pull(tool, place, place.stock('small:v2'))
      await pushTagged(tool, place, [place.stock('small:v2'), place.own('mount:v2')], ociManifestType)
      await assertMounted(place, place.own('mount:v2'))
    },
    pullTag: (tool, place) => pull(tool, place, place.stock('small:v1')),
    async pullDigest(tool, place) {
      const { digest } = await getWhole(place, place.stock('small:v1'))
      await pull(tool, place, `${place.stock('small')}@${digest}`)
    },
    async pullPlatform(tool, place) {
      const { manifest } = await getWhole(place, place.stock('multi:latest'))
      await removeAll(tool)
      ok(await images(tool, place.site, 'pull', '--platform', 'linux/arm64', place.stock('multi:latest')))
      const held = ok(await tool.containerd.ctr('content', 'list', '--quiet')).split('\n')
      assert.deepEqual(
        manifest.manifests?.map(({ digest, platform }) => [platform?.architecture, held.includes(digest)]),
        [
          ['amd64', false],
          ['arm64', true],
        ],
      )
    },
    pullAllTags: 'no command',
    pullZstd: (tool, place) => pull(tool, place, place.stock('zstd:latest')),
    pullHuge: (tool, place) => pull(tool, place, place.stock('huge:latest')),
    pullDeep: (tool, place) => pull(tool, place, place.stock('deep:latest')),
    build: 'builds nothing',
    cache: 'builds nothing',
    async run(tool, place) {
      await pull(tool, place, place.stock('runnable:latest'))
      const command = ['run', '--rm', place.stock('runnable:latest'), 'hello', '/bin/busybox', 'echo', 'hello']
      assert.equal(ok(await tool.containerd.ctr(...command)), 'hello\n')
    },
    makeIndex: 'no command',
    async inspect(tool, place) {
      const { digest } = await getWhole(place, place.stock('multi:latest'))
      const options = ['content', 'fetch-object', ...knowledgeOf(tool, place.site)]
      assert.match(ok(await tool.containerd.ctr(...options, `${place.stock('multi')}@${digest}`)), /"architecture": ?"arm64"/)
    },
    tags: 'no command',
    catalog: 'no command',
    search: 'no command',
    deleteManifest: 'no command',
    deleteTag: 'no command',
    artifact: 'no command',
    copyReferrers: 'no command',
  },
  attempts: {
    pull: (tool, site, name) => images(tool, site, 'pull', `${site.host}/${name}`),
    async push(tool, site, name) {
      await load(tool, 'small', 'v1', `${site.host}/${name}`)
      return images(tool, site, 'push', `${site.host}/${name}`)
    },
  },
})

function hostsOf(tool: CtrTool): string {
  return join(tool.folder, 'hosts')
}

function knowledgeOf(tool: CtrTool, { credentials }: Site): string[] {
  return ['--hosts-dir', hostsOf(tool), ...(credentials ? ['--user', `${credentials.user}:${credentials.password}`] : [])]
}

function images(tool: CtrTool, site: Site, verb: 'pull' | 'push', ...words: string[]): Promise<CommandResult> {
  const platforms = verb === 'pull' && words.length === 1 ? ['--all-platforms'] : []
  return tool.containerd.ctr('images', verb, ...knowledgeOf(tool, site), ...platforms, ...words)
}

/** Brings `oci:LAYOUT:TAG` into containerd under a name, with no memory of a registry. */
async function load(tool: CtrTool, layout: keyof AllImages, tag: string, image: string): Promise<void> {
  const archive = join(await mkdtemp(join(tool.folder, 'load-')), 'image.tar')
  const { repository } = splitImage(image)
  const base = `${image.slice(0, image.indexOf('/'))}/${repository}`
  ok(await run('skopeo', ['copy', '--quiet', '--all', `oci:${tool.images[layout]}:${tag}`, `oci-archive:${archive}:${splitImage(image).reference}`]))
  ok(await tool.containerd.ctr('images', 'import', '--no-unpack', '--all-platforms', '--base-name', base, archive))
}

async function push(tool: CtrTool, place: Place, [layout, tag, name]: readonly [keyof AllImages, string, string], type = ociManifestType): Promise<void> {
  await load(tool, layout, tag, place.own(name))
  ok(await images(tool, place.site, 'push', place.own(name)))
  await assertServed(place, place.own(name), type)
}

async function pushTagged(tool: CtrTool, place: Place, [from, to]: readonly [string, string], type: string): Promise<void> {
  ok(await tool.containerd.ctr('images', 'tag', from, to))
  ok(await images(tool, place.site, 'push', to))
  await assertServed(place, to, type)
}

/** Pulls into a containerd that has nothing. */
async function pull(tool: CtrTool, place: Place, image: string): Promise<void> {
  await removeAll(tool)
  ok(await images(tool, place.site, 'pull', image))
  assert.match(ok(await tool.containerd.ctr('images', 'check', `name==${image}`)), /\bcomplete\b/)
}

async function removeAll(tool: CtrTool): Promise<void> {
  const held = ok(await tool.containerd.ctr('images', 'list', '--quiet'))
    .split('\n')
    .filter(Boolean)
  if (held.length > 0) ok(await tool.containerd.ctr('images', 'remove', '--sync', ...held))
}
