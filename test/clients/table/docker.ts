import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandResult, run } from '../support/command.ts'
import { type DockerDaemon, startDockerDaemon } from '../support/docker-daemon.ts'
import { dockerListType, dockerManifestType } from '../support/registry-client.ts'
import { type Client, defineClient, type Ground } from './client.ts'
import { type AllImages, assertMounted, assertServed, getWhole, makeContext, ok, type Place } from './place.ts'
import { findVersionOf } from './programs.ts'
import { type Site, trustInFolder } from './site.ts'

interface DockerTool extends Ground {
  /** The path of the docker command. */
  readonly program: string
  readonly daemon: DockerDaemon
}

/** One version of the docker command, with a dockerd of its own. */
export function docker(name: string, program: string | undefined): Client {
  return defineClient<DockerTool>({
    name,
    findVersion: () => findVersion(program),
    trusts: '`/etc/docker/certs.d/registry.example:5000/ca.crt`; beside it `client.cert` and `client.key`',
    open: async (ground) => ({ ...ground, program: program ?? '', daemon: await startDockerDaemon(ground.folder) }),
    close: (tool) => tool.daemon.stop(),
    trust: (_, site) => trustInFolder('/etc/docker/certs.d', site),
    cells,
    attempts: {
      login: logIn,
      pull: (tool, site, image) => dockerAt(tool, site, 'pull', `${site.host}/${image}`),
      async push(tool, site, image) {
        await load(tool, 'small', 'v1')
        ok(await dockerAt(tool, site, 'tag', 'small:v1', `${site.host}/${image}`))
        return dockerAt(tool, site, 'push', `${site.host}/${image}`)
      },
    },
  })
}

const cells: Parameters<typeof defineClient<DockerTool>>[0]['cells'] = {
  login: async (tool, place) => assert.match(ok(await logIn(tool, place.site)), /Login Succeeded/),
  async identity(tool, place) {
    const image = `${place.mutual.host}/docker/identity:v1`
    await load(tool, 'small', 'v1')
    ok(await logIn(tool, place.mutual))
    ok(await dockerAt(tool, place.mutual, 'tag', 'small:v1', image))
    ok(await dockerAt(tool, place.mutual, 'push', image))
    ok(await dockerAt(tool, place.mutual, 'pull', image))
  },
  pushSchema2: (tool, place) => push(tool, place, ['small', 'v1', 'schema2:v1']),
  pushOci: 'pushes schema 2 only',
  pushZstd: 'compresses with gzip only',
  pushIndex: 'pushes one, and joins them',
  pushHuge: (tool, place) => push(tool, place, ['huge', 'latest', 'huge:v1']),
  pushDeep: (tool, place) => push(tool, place, ['deep', 'latest', 'deep:v1']),
  async mount(tool, place) {
    await pull(tool, place, place.stock('small:v2'))
    ok(await dockerAt(tool, place.site, 'tag', place.stock('small:v2'), place.own('mount:v2')))
    assert.match(ok(await dockerAt(tool, place.site, 'push', place.own('mount:v2'))), /Mounted from stock\/small/)
    await assertMounted(place, place.own('mount:v2'))
  },
  pullTag: (tool, place) => pull(tool, place, place.stock('small:v1')),
  async pullDigest(tool, place) {
    const { digest } = await getWhole(place, place.stock('small:v1'))
    await pull(tool, place, `${place.stock('small')}@${digest}`)
  },
  async pullPlatform(tool, place) {
    await pull(tool, place, place.stock('multi:latest'), '--platform', 'linux/arm64')
    assert.equal(ok(await dockerAt(tool, place.site, 'image', 'inspect', '-f', '{{.Architecture}}', place.stock('multi:latest'))), 'arm64\n')
  },
  async pullAllTags(tool, place) {
    await pull(tool, place, place.stock('small'), '--all-tags')
    for (const tag of ['v1', 'v2']) ok(await dockerAt(tool, place.site, 'image', 'inspect', place.stock(`small:${tag}`)))
  },
  pullZstd: 'dockerd 20.10 cannot unpack it',
  pullHuge: (tool, place) => pull(tool, place, place.stock('huge:latest')),
  pullDeep: (tool, place) => pull(tool, place, place.stock('deep:latest')),
  async build(tool, place) {
    await removeAll(tool, place)
    ok(await dockerAt(tool, place.site, 'build', '--tag', place.own('built:v1'), await makeContext(place)))
    ok(await dockerAt(tool, place.site, 'push', place.own('built:v1')))
    assert.equal((await getWhole(place, place.own('built:v1'))).manifest.layers?.length, 2)
  },
  async cache(tool, place) {
    const image = place.own('cache:v1')
    const build = ['build', '--tag', image, '--cache-from', image, await makeContext(place)]
    ok(await dockerAt(tool, place.site, ...build))
    ok(await dockerAt(tool, place.site, 'push', image))
    await pull(tool, place, image)
    assert.match(ok(await dockerAt(tool, place.site, ...build)), /Using cache/)
  },
  async run(tool, place) {
    await removeAll(tool, place)
    assert.equal(ok(await dockerAt(tool, place.site, 'run', '--rm', '--network', 'none', place.stock('runnable:latest'))), 'hello\n')
  },
  async makeIndex(tool, place) {
    const [joined, ...parts] = ['v0', 'v1', 'v2'].map((tag) => place.own(`joined:${tag}`))
    for (const tag of ['v1', 'v2']) await push(tool, place, ['small', tag, `joined:${tag}`])
    ok(await dockerAt(tool, place.site, 'manifest', 'create', joined ?? '', ...parts))
    ok(await dockerAt(tool, place.site, 'manifest', 'annotate', joined ?? '', parts[1] ?? '', '--arch', 'arm64'))
    ok(await dockerAt(tool, place.site, 'manifest', 'push', joined ?? ''))
    await assertServed(place, joined ?? '', dockerListType)
  },
  async inspect(tool, place) {
    const inspected = JSON.parse(ok(await dockerAt(tool, place.site, 'manifest', 'inspect', place.stock('schema2:v1')))) as { mediaType: string }
    assert.equal(inspected.mediaType, dockerManifestType)
  },
  tags: 'no command',
  catalog: 'no command',
  search: 'asks for version 1 of the API',
  deleteManifest: 'no command',
  deleteTag: 'no command',
  artifact: 'no command',
  copyReferrers: 'no command',
}

async function findVersion(program: string | undefined): Promise<string | undefined> {
  const client = program && (await findVersionOf(program, ['--version'], /version ([^\s,]+)/))
  const daemon = await findVersionOf('dockerd', ['--version'], /version ([^\s,]+)/)
  return client && daemon && `${client}, dockerd ${daemon}`
}

/** Runs docker with what it has been given for a registry. */
function dockerAt(tool: DockerTool, site: Site, ...args: string[]): Promise<CommandResult> {
  return run(tool.program, ['--config', site.folder, '-H', tool.daemon.socket, ...args], { env: { DOCKER_BUILDKIT: '0', DOCKER_CLI_EXPERIMENTAL: 'enabled' } })
}

async function logIn(tool: DockerTool, site: Site): Promise<CommandResult> {
  const config = await mkdtemp(join(site.folder, 'login-'))
  const args = ['login', '--username', site.credentials?.user ?? '', '--password-stdin', site.host]
  return run(tool.program, ['--config', config, '-H', tool.daemon.socket, ...args], { input: site.credentials?.password ?? '' })
}

/** Brings an image into the daemon as `LAYOUT:TAG`. */
async function load(tool: DockerTool, layout: keyof AllImages, tag: string): Promise<void> {
  const archive = join(await mkdtemp(join(tool.folder, 'load-')), 'image.tar')
  ok(await run('skopeo', ['copy', '--quiet', `oci:${tool.images[layout]}:${tag}`, `docker-archive:${archive}:${layout}:${tag}`]))
  ok(await run(tool.program, ['-H', tool.daemon.socket, 'load', '-i', archive]))
}

async function push(tool: DockerTool, place: Place, [layout, tag, name]: readonly [keyof AllImages, string, string]): Promise<void> {
  await load(tool, layout, tag)
  ok(await dockerAt(tool, place.site, 'tag', `${layout}:${tag}`, place.own(name)))
  ok(await dockerAt(tool, place.site, 'push', place.own(name)))
  await assertServed(place, place.own(name), dockerManifestType)
}

/** Pulls into a daemon that has nothing. */
async function pull(tool: DockerTool, place: Place, image: string, ...options: string[]): Promise<void> {
  await removeAll(tool, place)
  ok(await dockerAt(tool, place.site, 'pull', ...options, image))
}

async function removeAll(tool: DockerTool, place: Place): Promise<void> {
  ok(await dockerAt(tool, place.site, 'system', 'prune', '--all', '--force'))
}
