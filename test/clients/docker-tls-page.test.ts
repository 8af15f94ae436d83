/** docs/docker-daemon-tls.md, its commands run one after another. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { run } from './support/command.ts'
import { distribution, freePort, ROOT, underTest } from './support/registry-server.ts'
import { DockerMachine } from './support/tls-daemon.ts'

const page = await readFile(join(ROOT, 'docs/docker-daemon-tls.md'), 'utf8')
const commands = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trim().split('\n'))

describe('docs/docker-daemon-tls.md', { skip: underTest === distribution }, () => {
  let machine: DockerMachine

  before(async () => {
    machine = new DockerMachine(await mkdtemp(join(tmpdir(), 'lacre-docker-page-')), await freePort('127.0.0.1'))
    await machine.layOut()
    // the machine of the page is a folder here, and nobody is asked for the passphrase
    await program('sudo', 'exec "$@"')
    await program(
      'lacre',
      `case $2 in
        install-daemon) set -- "$@" --root root --listen 127.0.0.1:${machine.port} ;;
        undo) set -- "$@" --root root ;;
        *) set -- "$@" --passphrase-env PHRASE ;;
      esac
      exec '${join(ROOT, 'bin/lacre')}' "$@"`,
    )
    await program('systemctl', 'exit 0')
  })

  after(async () => {
    await machine.stopDaemon()
    await rm(machine.folder, { recursive: true, force: true })
  })

  async function program(name: string, lines: string): Promise<void> {
    await machine.write(`bin/${name}`, `#!/bin/sh\n${lines}\n`)
    await chmod(machine.at(`bin/${name}`), 0o755)
  }

  async function follow(command: string): Promise<string> {
    const env = { PATH: `${machine.at('bin')}:${process.env['PATH']}`, HOME: machine.folder, DOCKER_CONFIG: machine.at('.docker'), PHRASE: 'secret' }
    const here = command.replaceAll('192.168.1.20:2376', `127.0.0.1:${machine.port}`)
    const { status, stdout, stderr } = await run('sh', ['-c', here], { cwd: machine.folder, env })
    assert.equal(status, 0, `${command}\n${stdout}${stderr}`)
    if (!command.includes('restart docker')) return stdout
    await machine.stopDaemon()
    await machine.startDaemon()
    return stdout
  }

  test('all its commands do what it says', async () => {
    const said = new Map<string, string>()
    for (const command of commands) said.set(command, await follow(command))
    assert.equal(commands.filter((command) => /\bdocker (?:-|ps)/.test(command)).length, 5)
    assert.match(said.get('sudo lacre docker-tls install-daemon --dry-run') ?? '', /Nothing is done yet[\s\S]*\+ExecStart=/)
    assert.match(said.get('sudo lacre docker-tls undo') ?? '', /^took back docker-tls client alice/)
    await assert.rejects(stat(machine.at('docker-ca/alice-key.pem')), { code: 'ENOENT' })
  })

  test('the text blocks are the ones of the way by openssl', () => {
    for (const step of ['genpkey -aes-256-cbc', 'req -new -x509 -days 365', '-new -key server-key.pem -out client.csr', 'DOCKER_OPTS='])
      assert.ok(page.includes(step))
  })
})
