import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type CommandResult, run, startContained } from './command.ts'

/** A real containerd with folders of its own, and the ctr command that talks to it. */
export interface Containerd {
  /** The path of the socket on which it answers gRPC. */
  readonly socket: string
  ctr(...args: string[]): Promise<CommandResult>
  stop(): Promise<void>
}

/** @param hosts Turns on the interface that Kubernetes uses, with this folder of registries (`config_path`). */
export async function startContainerd(folder: string, hosts?: string): Promise<Containerd> {
  const at = (name: string): string => join(folder, name)
  await mkdir(folder, { recursive: true })
  const settings = [
    'version = 2',
    hosts === undefined ? 'disabled_plugins = ["io.containerd.grpc.v1.cri"]' : '',
    `root = "${at('root')}"`,
    `state = "${at('state')}"`,
    `[grpc]\naddress = "${at('sock')}"`,
    `[ttrpc]\naddress = "${at('sock.ttrpc')}"`,
    `[plugins."io.containerd.internal.v1.opt"]\npath = "${at('opt')}"`,
    hosts === undefined ? '' : `[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "${hosts}"`,
  ]
  await writeFile(at('config.toml'), `${settings.join('\n')}\n`)
  const daemon = startContained('containerd', ['-c', at('config.toml')])
  const ctr = (...args: string[]): Promise<CommandResult> => run('ctr', ['-a', at('sock'), ...args])
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await delay(100)) {
    const { status } = await ctr('version')
    if (status === 0) return { socket: at('sock'), ctr, stop: async () => void (await daemon.stop()) }
  }
  await daemon.stop()
  throw new Error(`containerd does not answer\n${daemon.output()}`)
}
