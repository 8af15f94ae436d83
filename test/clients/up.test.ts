import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type Clients, openClients, trust } from './support/clients.ts'
import type { CommandResult } from './support/command.ts'
import { type DockerDaemon, startDockerDaemon } from './support/docker-daemon.ts'
import { addHostNames, hostName } from './support/host-names.ts'
import { type Images, makeImages } from './support/images.ts'
import { distribution, freePort, ROOT, type RunningServer, startServer, underTest } from './support/registry-server.ts'

/** What `lacre up` prints, followed to the letter by docker, skopeo and podman. */
describe('lacre up', { skip: underTest === distribution }, () => {
  let folder: string
  let host: string
  let images: Images
  let clients: Clients
  let daemon: DockerDaemon
  let server: RunningServer
  let trusted: AsyncDisposable
  let welcome: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lacre-up-'))
    await addHostNames()
    host = `${hostName}:${await freePort('::')}`
    images = await makeImages(join(folder, 'images'))
    clients = await openClients(join(folder, 'clients'))
    daemon = await startDockerDaemon(join(folder, 'docker'))
    ok(await daemon.docker(['load', '-i', images.dockerArchive]))
    server = await up()
    welcome = await readWelcome(server)
    trusted = await trust(host, await readFile(said('authority'), 'utf8'))
  })

  after(async () => {
    await trusted?.[Symbol.asyncDispose]()
    await daemon?.stop()
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  function up(): Promise<RunningServer> {
    const port = new URL(`https://${host}`).port
    const args = ['up', hostName, '--yes', '--port', port, '--data', join(folder, 'data')]
    return startServer(join(ROOT, 'bin/lacre'), args, { endpoint: { url: `https://${host}` } })
  }

  /** The server may answer a moment before it has said all. */
  async function readWelcome({ output }: RunningServer): Promise<string> {
    for (let tries = 0; tries < 200 && !output().includes('docker push'); tries++) await wait(50)
    return output()
  }

  function said(what: string): string {
    return new RegExp(`^\\s*${what}\\s+(\\S+)`, 'm').exec(welcome)?.[1] ?? assert.fail(`no ${what} in\n${welcome}`)
  }

  function ok(result: CommandResult): string {
    assert.equal(result.status, 0, `${result.stdout}${result.stderr}\n--- lacre:\n${server?.output().slice(-3000)}`)
    return result.stdout
  }

  test('it prints the URL that clients use', () => {
    assert.match(welcome, new RegExp(`https://${host}\\s`))
  })

  test('docker, skopeo and podman log in with what it printed', async () => {
    ok(await daemon.docker(['login', '-u', said('user'), '--password-stdin', host], said('password')))
    for (const client of ['skopeo', 'podman'] as const) ok(await clients.login(client, host, said('user'), said('password')))
  })

  test('they push, pull and delete', async () => {
    ok(await daemon.docker(['tag', 'small:v1', `${host}/alpine`]))
    ok(await daemon.docker(['push', `${host}/alpine`]))
    ok(await clients.podman('pull', '--quiet', `${host}/alpine`))
    ok(await clients.skopeo('copy', '--all', `oci:${images.multi}:latest`, `docker://${host}/multi:latest`))
    ok(await clients.skopeo('delete', `docker://${host}/multi:latest`))
  })

  test('stopped and started again, it keeps users, trust and images, and does not print the password again', async () => {
    const password = said('password')
    assert.equal(await server.stop(), 0)
    server = await up()
    assert.ok(!(await readWelcome(server)).includes(password))
    ok(await daemon.docker(['rmi', `${host}/alpine`]))
    ok(await daemon.docker(['pull', `${host}/alpine`]))
    ok(await clients.skopeo('inspect', `docker://${host}/alpine`))
  })
})
