import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandResult, run } from '../support/command.ts'
import { dockerManifestType, ociIndexType, ociManifestType } from '../support/registry-client.ts'
import type { Cell, Ground } from './client.ts'
import { type AllImages, assertMounted, assertServed, assertZstd, getWhole, makeContext, ok, type Place } from './place.ts'
import type { Site } from './site.ts'

/** podman or buildah: the two share most commands, and where images lie. */
export interface ContainersTool extends Ground {
  readonly program: 'podman' | 'buildah'
}

type Cells<Action extends string> = Readonly<Record<Action, Cell<ContainersTool>>>

/** What podman and buildah do with the same words. */
export const sharedCells = {
  login: async (tool, place) => assert.match(ok(await logIn(tool, place.site)), /Login Succeeded/),
  async identity(tool, place) {
    const image = `${place.mutual.host}/${tool.program}/identity:v1`
    ok(await logIn(tool, place.mutual))
    ok(await runAt(tool, place.mutual, 'push', '--quiet', await load(tool, 'small', 'v1'), `docker://${image}`))
    ok(await runAt(tool, place.mutual, 'pull', '--quiet', image))
  },
  pushSchema2: (tool, place) => push(tool, place, ['small', 'v1', 'schema2:v1'], { type: dockerManifestType, options: ['--format', 'v2s2'] }),
  pushOci: (tool, place) => push(tool, place, ['small', 'v1', 'oci:v1']),
  async pushZstd(tool, place) {
    await push(tool, place, ['zstd', 'latest', 'zstd:v1'], { options: ['--format', 'oci', '--compression-format', 'zstd'] })
    await assertZstd(place, place.own('zstd:v1'))
  },
  async pushIndex(tool, place) {
    await pushIndex(tool, place, { list: `${tool.program}-index`, images: [`oci:${place.images.multi}:latest`], target: place.own('multi:v1') })
  },
  pushHuge: (tool, place) => push(tool, place, ['huge', 'latest', 'huge:v1']),
  pushDeep: (tool, place) => push(tool, place, ['deep', 'latest', 'deep:v1']),
  async mount(tool, place) {
    ok(await runAt(tool, place.site, 'pull', '--quiet', place.stock('small:v2')))
    ok(await runAt(tool, place.site, 'push', '--quiet', place.stock('small:v2'), `docker://${place.own('mount:v2')}`))
    await assertMounted(place, place.own('mount:v2'))
  },
  pullTag: (tool, place) => pull(tool, place, place.stock('small:v1')),
  async pullDigest(tool, place) {
    const { digest } = await getWhole(place, place.stock('small:v1'))
    await pull(tool, place, `${place.stock('small')}@${digest}`)
  },
  async pullPlatform(tool, place) {
    await pull(tool, place, place.stock('multi:latest'), '--arch', 'arm64')
    assert.match(ok(await runAt(tool, place.site, 'inspect', '--type', 'image', place.stock('multi:latest'))), /"architecture": "arm64"/i)
  },
  async pullAllTags(tool, place) {
    await pull(tool, place, place.stock('small'), '--all-tags')
    const tagged = ok(await runAt(tool, place.site, 'images'))
    for (const tag of ['v1', 'v2']) assert.match(tagged, new RegExp(`stock/small\\s+${tag}`))
  },
  pullZstd: (tool, place) => pull(tool, place, place.stock('zstd:latest')),
  pullHuge: (tool, place) => pull(tool, place, place.stock('huge:latest')),
  pullDeep: (tool, place) => pull(tool, place, place.stock('deep:latest')),
  async build(tool, place) {
    const context = await makeContext(place)
    await removeAll(tool, place)
    ok(await runAt(tool, place.site, 'build', '--tag', place.own('built:v1'), context))
    ok(await runAt(tool, place.site, 'push', '--quiet', place.own('built:v1'), `docker://${place.own('built:v1')}`))
    assert.equal((await getWhole(place, place.own('built:v1'))).manifest.layers?.length, 2)
  },
  async cache(tool, place) {
    const build = ['build', '--layers', '--cache-to', place.own('cache'), '--cache-from', place.own('cache'), await makeContext(place)]
    ok(await runAt(tool, place.site, ...build))
    await removeAll(tool, place)
    assert.match(ok(await runAt(tool, place.site, ...build)), /Cache pulled from remote/)
  },
  async makeIndex(tool, place) {
    const images = ['v1', 'v2'].map((tag) => `docker://${place.stock(`small:${tag}`)}`)
    await pushIndex(tool, place, { list: `${tool.program}-joined`, images, target: place.own('joined:v1') })
    assert.equal((await getWhole(place, place.own('joined:v1'))).manifest.manifests?.length, 2)
  },
  async inspect(tool, place) {
    const manifest = JSON.parse(ok(await runAt(tool, place.site, 'manifest', 'inspect', place.stock('multi:latest')))) as { manifests: object[] }
    assert.equal(manifest.manifests.length, 2)
  },
} satisfies Partial<Cells<string>>

export const sharedAttempts = {
  login: logIn,
  pull: (tool: ContainersTool, site: Site, name: string) => runAt(tool, site, 'pull', '--quiet', `${site.host}/${name}`),
  async push(tool: ContainersTool, site: Site, name: string): Promise<CommandResult> {
    return runAt(tool, site, 'push', '--quiet', await load(tool, 'small', 'v1'), `docker://${site.host}/${name}`)
  },
} as const

/** Runs podman or buildah with what it has been given for a registry. */
export function runAt(tool: ContainersTool, site: Site, ...args: string[]): Promise<CommandResult> {
  return run('unshare', [...commandOf(tool), ...args], { env: { REGISTRY_AUTH_FILE: join(site.folder, 'config.json'), HOME: site.folder } }) // @NOTE not every command reads the first
}

/** For `unshare`: what it mounts is gone when it ends. */
function commandOf({ program, folder }: ContainersTool): string[] {
  const storage = ['--mount', program, '--root', join(folder, 'storage'), '--runroot', join(folder, 'run')]
  return program === 'podman' ? [...storage, '--cgroup-manager', 'cgroupfs', '--events-backend', 'file'] : storage
}

async function logIn(tool: ContainersTool, site: Site): Promise<CommandResult> {
  const authFile = join(site.folder, 'login.json')
  await writeFile(authFile, '{}')
  const args = [...commandOf(tool), 'login', '--username', site.credentials?.user ?? '', '--password-stdin', site.host]
  return run('unshare', args, { env: { REGISTRY_AUTH_FILE: authFile, HOME: tool.folder }, input: site.credentials?.password ?? '' })
}

/** Brings `oci:LAYOUT:TAG` into the client's storage; gives its id. */
async function load(tool: ContainersTool, layout: keyof AllImages, tag: string): Promise<string> {
  const id = ok(await run('unshare', [...commandOf(tool), 'pull', '--quiet', `oci:${tool.images[layout]}:${tag}`], { env: { HOME: tool.folder } }))
  return id.trim()
}

async function push(
  tool: ContainersTool,
  place: Place,
  [layout, tag, name]: readonly [keyof AllImages, string, string],
  { type = ociManifestType, options = [] }: { type?: string; options?: readonly string[] } = {},
): Promise<void> {
  ok(await runAt(tool, place.site, 'push', '--quiet', ...options, await load(tool, layout, tag), `docker://${place.own(name)}`))
  await assertServed(place, place.own(name), type)
}

/** Pulls into a storage that has nothing. */
async function pull(tool: ContainersTool, place: Place, image: string, ...options: string[]): Promise<void> {
  await removeAll(tool, place)
  ok(await runAt(tool, place.site, 'pull', '--quiet', ...options, image))
}

async function removeAll(tool: ContainersTool, place: Place): Promise<void> {
  ok(await runAt(tool, place.site, 'rmi', '--all', '--force'))
}

async function pushIndex(
  tool: ContainersTool,
  place: Place,
  { list, images, target }: { list: string; images: readonly string[]; target: string },
): Promise<void> {
  ok(await runAt(tool, place.site, 'manifest', 'create', list))
  for (const image of images) ok(await runAt(tool, place.site, 'manifest', 'add', '--all', list, image))
  ok(await runAt(tool, place.site, 'manifest', 'push', '--all', '--format', 'oci', list, `docker://${target}`))
  await assertServed(place, target, ociIndexType)
}
