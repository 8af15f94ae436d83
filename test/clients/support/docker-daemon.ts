import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Background, type CommandResult, run, startBackground } from './command.ts'

/** A real dockerd with folders of its own, and the docker command that talks to it. */
export interface DockerDaemon {
  docker(args: readonly string[], input?: string): Promise<CommandResult>
  stop(): Promise<void>
}

export async function startDockerDaemon(folder: string): Promise<DockerDaemon> {
  const at = (name: string): string => join(folder, name)
  await mkdir(at('client'), { recursive: true })
  const host = `unix://${at('docker.sock')}`
  const places = ['--data-root', at('root'), '--exec-root', at('exec'), '-p', at('pid'), '-H', host]
  const daemon = startBackground('dockerd', [...places, '--iptables=false', '--ip6tables=false', '--bridge=none', '--storage-driver=vfs'])
  const docker = (args: readonly string[], input?: string): Promise<CommandResult> =>
    run('docker', ['--config', at('client'), '-H', host, ...args], input === undefined ? {} : { input })
  await untilReady(docker, daemon)
  return {
    docker,
    async stop() {
      await daemon.stop(30_000)
      await run('umount', [at('exec/netns/default')])
    },
  }
}

async function untilReady(docker: DockerDaemon['docker'], daemon: Background): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(200)) {
    const { status } = await docker(['version'])
    if (status === 0) return
  }
  await daemon.stop()
  throw new Error(`dockerd does not answer\n${daemon.output()}`)
}
