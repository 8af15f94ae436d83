import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Background, type CommandResult, run, startContained } from './command.ts'

/** A real dockerd with folders of its own, and the docker command that talks to it. */
export interface DockerDaemon {
  /** Where it listens, as `docker -H` takes it. */
  readonly socket: string
  docker(args: readonly string[], input?: string): Promise<CommandResult>
  stop(): Promise<void>
}

export async function startDockerDaemon(folder: string): Promise<DockerDaemon> {
  const at = (name: string): string => join(folder, name)
  await mkdir(at('client'), { recursive: true })
  const socket = `unix://${at('docker.sock')}`
  const places = ['--data-root', at('root'), '--exec-root', at('exec'), '-p', at('pid'), '-H', socket]
  const daemon = startContained('dockerd', [...places, '--iptables=false', '--ip6tables=false', '--bridge=none'])
  const docker = (args: readonly string[], input?: string): Promise<CommandResult> =>
    run('docker', ['--config', at('client'), '-H', socket, ...args], input === undefined ? {} : { input })
  await untilReady(docker, daemon)
  return { socket, docker, stop: async () => void (await daemon.stop()) }
}

async function untilReady(docker: DockerDaemon['docker'], daemon: Background): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(200)) {
    const { status } = await docker(['version'])
    if (status === 0) return
  }
  await daemon.stop()
  throw new Error(`dockerd does not answer\n${daemon.output()}`)
}
