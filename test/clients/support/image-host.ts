import { cp, mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Background, type CommandOptions, type CommandResult, run, runOk, startBackground } from './command.ts'
import { ROOT } from './registry-server.ts'

/** A machine in miniature: a docker of its own on a network of its own, where every port is free, with the images `lacre` and `registry:2`. */
export interface ImageHost {
  /** `docker ARGS`, which must succeed; its output. */
  docker(...args: string[]): Promise<string>
  /** Any command on that network. */
  run(command: string, args: readonly string[]): Promise<CommandResult>
  /** A container started by `docker run -d ARGS`, once `url` is answered. */
  start(url: string, ...args: string[]): Promise<string>
  /** A line as a person types it, in the checkout. */
  shell(line: string): Promise<CommandResult>
  /** Waits until somebody answers there. */
  answers(url: string): Promise<void>
  /** Stops a container and removes it; the exit code of what ran in it. */
  stop(container: string): Promise<number>
  /** Removes every container that is left. */
  clear(): Promise<void>
  close(): Promise<void>
}

const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt'

/** Builds the images, which needs a way to the npm registry, and starts the daemon that runs them. */
export async function openImageHost(folder: string): Promise<ImageHost> {
  const at = (name: string): string => join(folder, name)
  await mkdir(at('client'), { recursive: true })
  const daemon = new Daemon(folder)
  await daemon.start(['dockerd', '--iptables=false', '--ip6tables=false', '--bridge=none'])
  try {
    await importBases(daemon, at('slim'), at('node'))
    await daemon.docker('build', '--quiet', '--tag', 'registry:2', await layOutDistribution(at('distribution')))
    await daemon.docker('build', '--quiet', '--network', 'host', '--tag', 'lacre', '--file', join(ROOT, 'deploy/Dockerfile'), ROOT)
  } finally {
    await daemon.stop()
  }
  const alone = 'ip link set lo up && exec "$0" "$@"'
  await daemon.start(['unshare', '--net', 'sh', '-c', alone, 'dockerd', '--iptables=false', '--ip6tables=false'])
  return hostOf(daemon)
}

function hostOf(daemon: Daemon): ImageHost {
  const { docker } = daemon
  const runInside: ImageHost['run'] = (command, args) => daemon.inside([command, ...args])
  async function answers(url: string): Promise<void> {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(100)) {
      const { status } = await runInside('curl', ['--silent', '--insecure', '--output', '/dev/null', url])
      if (status === 0) return
    }
    throw new Error(`nobody answers on ${url}`)
  }
  return {
    docker,
    run: runInside,
    answers,
    shell: (line) => daemon.inside(['sh', '-c', line], { cwd: ROOT, timeoutMs: 600_000 }),
    async start(url, ...args) {
      const container = (await docker('run', '--detach', ...args)).trim()
      await answers(url).catch(async (cause: unknown) => {
        const { stdout, stderr } = await daemon.run('logs', container)
        throw new Error(`docker run ${args.join(' ')}\n${stdout}${stderr}`, { cause })
      })
      return container
    },
    async stop(container) {
      await docker('stop', container)
      const code = await docker('inspect', '--format', '{{.State.ExitCode}}', container)
      await docker('rm', '--volumes', container)
      return Number(code)
    },
    clear: () => daemon.clear(),
    close: () => daemon.stop(),
  }
}

/** A dockerd that is started twice: on this machine's network, to build, and on one of its own. */
class Daemon {
  readonly #folder: string
  #running: Background | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Runs a command on the daemon's network, where `docker` means this daemon. */
  inside(words: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const env = { DOCKER_HOST: `unix://${join(this.#folder, 'sock')}`, DOCKER_CONFIG: join(this.#folder, 'client') }
    return run('nsenter', ['--target', String(this.#running?.pid), '--net', ...words], { ...options, env })
  }

  async start([command = '', ...args]: readonly string[]): Promise<void> {
    const at = (name: string): string => join(this.#folder, name)
    this.#running = startBackground(command, [...args, '--data-root', at('root'), '--exec-root', at('exec'), '-p', at('pid'), '-H', `unix://${at('sock')}`])
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(100)) {
      if ((await this.run('version')).status === 0) return
    }
    throw new Error(`dockerd does not answer\n${this.#running.output()}`)
  }

  async clear(): Promise<void> {
    const containers = (await this.run('ps', '--all', '--quiet')).stdout.split('\n').filter(Boolean)
    if (containers.length > 0) await this.run('rm', '--force', '--volumes', ...containers)
  }

  async stop(): Promise<void> {
    await this.clear()
    await this.#running?.stop(30_000)
    await run('umount', [join(this.#folder, 'exec/netns/default')])
  }

  run = (...args: string[]): Promise<CommandResult> =>
    run('docker', ['--config', join(this.#folder, 'client'), '--host', `unix://${join(this.#folder, 'sock')}`, ...args], { timeoutMs: 600_000 })

  docker = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await this.run(...args)
    if (status !== 0) throw new Error(`docker ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`)
    return stdout
  }
}

/** The two images that the Dockerfile begins with, made of what this Debian has: no more than theirs have. */
async function importBases(daemon: Daemon, slim: string, node: string): Promise<void> {
  await runOk(join(import.meta.dirname, 'make-debian-slim'), [slim])
  await importImage(daemon, slim, 'debian:bookworm-slim')
  await runOk('cp', ['-a', slim, node])
  await cp(process.execPath, join(node, 'usr/bin/node'))
  const npm = dirname(dirname(await realpath((await runOk('which', ['npm'])).trim()))) // of …/npm/bin/npm-cli.js
  await cp(npm, join(node, 'usr/lib/npm'), { recursive: true, verbatimSymlinks: true })
  await symlink('../lib/npm/bin/npm-cli.js', join(node, 'usr/bin/npm'))
  // This machine's way to the npm registry, and what it has fetched already.
  for (const path of [join(homedir(), '.npmrc'), '/usr/etc/npmrc', AUTHORITIES]) await cp(path, join(node, path), { recursive: true }).catch(isMissing)
  await cp(join(homedir(), '.npm/_cacache'), join(node, 'root/.npm/_cacache'), { recursive: true }).catch(isMissing)
  await importImage(daemon, node, 'node:24-bookworm-slim', [`NODE_EXTRA_CA_CERTS=${AUTHORITIES}`, 'npm_config_prefer_offline=true'])
  for (const folder of [slim, node]) await rm(folder, { recursive: true })
}

async function importImage(daemon: Daemon, folder: string, name: string, variables: readonly string[] = []): Promise<void> {
  await runOk('tar', ['-C', folder, '-cf', `${folder}.tar`, '.'])
  await daemon.docker('import', ...variables.flatMap((variable) => ['--change', `ENV ${variable}`]), `${folder}.tar`, name)
  await rm(`${folder}.tar`)
}

/** What registry:2's does, in our words. */
const REGISTRY2_ENTRYPOINT = `#!/bin/sh
case "$1" in
  *.yaml | *.yml) set -- registry serve "$@" ;;
  serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac
exec "$@"
`

/** registry:2 itself: Debian's Distribution with the image's configuration, which is the same in both. */
async function layOutDistribution(folder: string): Promise<string> {
  await mkdir(folder)
  for (const [from, to] of [
    ['/usr/bin/docker-registry', 'registry'],
    [join(ROOT, 'deploy/image/config.yml'), 'config.yml'],
  ] as const)
    await cp(from, join(folder, to))
  await writeFile(join(folder, 'entrypoint.sh'), REGISTRY2_ENTRYPOINT, { mode: 0o755 })
  const lines = [
    'FROM debian:bookworm-slim',
    'COPY registry /bin/registry',
    'COPY entrypoint.sh /entrypoint.sh',
    'COPY config.yml /etc/docker/registry/config.yml',
    'VOLUME ["/var/lib/registry"]',
    'ENTRYPOINT ["/entrypoint.sh"]',
    'CMD ["/etc/docker/registry/config.yml"]',
  ]
  await writeFile(join(folder, 'Dockerfile'), `${lines.join('\n')}\n`)
  return folder
}

function isMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
