import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Background, type CommandResult, run, startContained } from './command.ts'
import { ROOT } from './registry-server.ts'

/** A folder that stands for `/` of a machine with docker on it, and lacre's commands in a folder beside it. */
export class DockerMachine {
  readonly folder: string
  readonly port: number
  #daemon: Background | undefined

  constructor(folder: string, port: number) {
    this.folder = folder
    this.port = port
  }

  /** Its own socket, so that nobody else's daemon is in the way. */
  get socket(): string {
    return `unix://${join(this.folder, 'docker.sock')}`
  }

  at(path: string): string {
    return join(this.folder, path)
  }

  /** With Debian's unit, or docker's own where it is not installed, and the settings that `text` holds. */
  async layOut(text = `{\n  "log-level": "warn",\n  "hosts": ["${this.socket}"]\n}\n`): Promise<void> {
    await this.write('root/etc/docker/daemon.json', text)
    const unit = ['/lib/systemd/system/docker.service', '/usr/lib/systemd/system/docker.service'].find((path) => existsSync(path))
    if (unit === undefined) return await this.write('root/usr/lib/systemd/system/docker.service', '[Service]\nExecStart=/usr/bin/dockerd -H fd://\n')
    await this.write('root/usr/lib/systemd/system/docker.service', '')
    await copyFile(unit, this.at('root/usr/lib/systemd/system/docker.service'))
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(this.at(path)), { recursive: true })
    await writeFile(this.at(path), text)
  }

  /** Runs `lacre docker-tls …` in the folder, as a reader of the page would. */
  lacre(...args: readonly string[]): Promise<CommandResult> {
    return run(join(ROOT, 'bin/lacre'), ['docker-tls', ...args], { cwd: this.folder, env: { DOCKER_CONFIG: this.at('client') } })
  }

  /** As {@link lacre}, where failing is the test's. */
  async ok(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.lacre(...args)
    if (status !== 0) throw new Error(`lacre docker-tls ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`)
    return stdout
  }

  installDaemon(...args: readonly string[]): Promise<string> {
    return this.ok('install-daemon', '--root', 'root', '--listen', `127.0.0.1:${this.port}`, ...args)
  }

  /** The words by which systemd would start dockerd: of the last `ExecStart`, drop-ins included. */
  async command(): Promise<string[]> {
    const shown = await run('systemd-analyze', [`--root=${this.at('root')}`, 'cat-config', 'systemd/system/docker.service'])
    const commands = [...shown.stdout.matchAll(/^ExecStart=(.+)$/gm)].map(([, command = '']) => command)
    return (commands.at(-1) ?? '').split(/\s+/).filter((word) => word !== '' && !word.startsWith('$') && !word.startsWith('--containerd'))
  }

  /** dockerd as systemd starts it, with this machine's /etc/docker, and folders of its own. */
  async startDaemon(): Promise<void> {
    this.#daemon = await this.#start()
    let isGone = false
    void this.#daemon.exited.then(() => {
      isGone = true
    })
    for (const deadline = Date.now() + 60_000; !isGone && Date.now() < deadline; await delay(100)) {
      const { status } = await run('docker', ['-H', this.socket, 'version'])
      if (status === 0) return
    }
    throw new Error(`dockerd does not answer\n${this.#daemon.output()}`)
  }

  /** What it says when it does not start. */
  async startRefused(): Promise<string> {
    const daemon = await this.#start()
    await daemon.exited
    return daemon.output()
  }

  async stopDaemon(): Promise<void> {
    await this.#daemon?.stop()
    this.#daemon = undefined
  }

  async #start(): Promise<Background> {
    const places = ['--data-root', this.at('data'), '--exec-root', '/run/docker', '-p', '/run/docker.pid']
    const words = [...(await this.command()), ...places, '--iptables=false', '--ip6tables=false', '--bridge=none']
    const mount = 'mkdir -p /etc/docker && mount --bind "$1" /etc/docker && mount -t tmpfs run /run && shift && exec "$@"'
    return startContained('sh', ['-c', mount, 'sh', this.at('root/etc/docker'), ...words])
  }

  /** docker's command line over TCP, with certificates of the folder or without. */
  docker(files: { readonly ca?: string; readonly certificate?: string; readonly key?: string } = {}, host = '127.0.0.1'): Promise<CommandResult> {
    const { ca = 'docker-ca/ca.pem', certificate, key } = files
    const pair = certificate && key ? [`--tlscert=${this.at(certificate)}`, `--tlskey=${this.at(key)}`] : []
    const config = ['--config', this.at('empty')]
    return run('docker', [...config, '--tlsverify', `--tlscacert=${this.at(ca)}`, ...pair, '-H', `tcp://${host}:${this.port}`, 'version'])
  }

  readJson(path: string): Promise<Record<string, unknown>> {
    return readFile(this.at(path), 'utf8').then((text) => JSON.parse(text) as Record<string, unknown>)
  }
}
