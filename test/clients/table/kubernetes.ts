import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CommandResult } from '../support/command.ts'
import { type Containerd, startContainerd } from '../support/containerd.ts'
import { callGrpc, type Message } from '../support/grpc.ts'
import { type Client, defineClient, everyAction, type Ground } from './client.ts'
import { getWhole, ok, type Place } from './place.ts'
import { findVersionOf } from './programs.ts'
import type { Site } from './site.ts'

interface KubernetesTool extends Ground {
  readonly containerd: Containerd
}

/** A node of Kubernetes: what the kubelet asks of containerd, with the credentials of an imagePullSecret. */
export const kubernetes: Client = defineClient<KubernetesTool>({
  name: 'Kubernetes (CRI)',
  findVersion: async () => {
    const version = await findVersionOf('containerd', ['--version'], /containerd \S+ (\S+)/)
    return version && `containerd ${version}`
  },
  trusts: '`DIR/registry.example:5000/hosts.toml` names files as `ca` and `client`; `config_path = "DIR"` in containerd\'s configuration',
  async open(ground) {
    await mkdir(hostsOf(ground))
    return { ...ground, containerd: await startContainerd(join(ground.folder, 'containerd'), hostsOf(ground)) }
  },
  close: (tool) => tool.containerd.stop(),
  trust,
  cells: {
    ...everyAction('a node only pulls'),
    async identity(tool, place) {
      ok(await pullImage(tool, place.mutual, `${place.mutual.host}/stock/small:v1`))
    },
    pullTag: (tool, place) => pull(tool, place, place.stock('small:v1')),
    async pullDigest(tool, place) {
      const { digest } = await getWhole(place, place.stock('small:v1'))
      await pull(tool, place, `${place.stock('small')}@${digest}`)
    },
    pullPlatform: 'pulls its own',
    pullZstd: (tool, place) => pull(tool, place, place.stock('zstd:latest')),
    pullHuge: (tool, place) => pull(tool, place, place.stock('huge:latest')),
    pullDeep: (tool, place) => pull(tool, place, place.stock('deep:latest')),
    run: 'pods need a kubelet',
  },
  attempts: { pull: (tool, site, name) => pullImage(tool, site, `${site.host}/${name}`) },
})

function hostsOf({ folder }: Ground): string {
  return join(folder, 'hosts')
}

/** `hosts.toml`, as Kubernetes' and containerd's own pages have it. */
async function trust(tool: KubernetesTool, { host, ca, identity }: Site): Promise<AsyncDisposable> {
  const folder = join(hostsOf(tool), host)
  const client = identity ? [`client = [["${identity.certificate}", "${identity.key}"]]`] : []
  const lines = [`server = "https://${host}"`, `[host."https://${host}"]`, 'capabilities = ["pull", "resolve"]', ...(ca ? [`ca = "${ca}"`] : []), ...client]
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'hosts.toml'), `${lines.join('\n')}\n`)
  return { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

/** Pulls an image that this node may have already, and asks the registry again. */
async function pull(tool: KubernetesTool, place: Place, image: string): Promise<void> {
  const held = ok(await tool.containerd.ctr('-n', 'k8s.io', 'images', 'list', '--quiet'))
    .split('\n')
    .filter(Boolean)
  if (held.length > 0) ok(await tool.containerd.ctr('-n', 'k8s.io', 'images', 'remove', '--sync', ...held))
  ok(await pullImage(tool, place.site, image))
  assert.match(ok(await tool.containerd.ctr('-n', 'k8s.io', 'images', 'check', `name==${image}`)), /\bcomplete\b/)
}

/** @see https://github.com/kubernetes/cri-api/blob/v0.26.0/pkg/apis/runtime/v1/api.proto PullImageRequest: image 1 (image 1), auth 2 (username 1, password 2) */
async function pullImage({ containerd }: KubernetesTool, { credentials }: Site, image: string): Promise<CommandResult> {
  const auth: Message = credentials ? { 2: { 1: credentials.user, 2: credentials.password } } : {}
  const { code, message, body } = await callGrpc(containerd.socket, '/runtime.v1.ImageService/PullImage', { 1: { 1: image }, ...auth })
  return { status: code, stdout: body.toString(), stderr: message }
}
