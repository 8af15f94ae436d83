import assert from 'node:assert/strict'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { arch, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Clients, openClients } from './support/clients.ts'
import { run, runOk } from './support/command.ts'
import { type Images, makeImages } from './support/images.ts'
import { distribution, freePort, ROOT, startServer, underTest } from './support/registry-server.ts'

const PACKED_MOST = 300_000 // bytes; 95,000 when this was written

/** What `npm pack` makes, installed by npm into an empty folder, and started there by npx. */
describe('the package', { skip: underTest === distribution }, () => {
  let folder: string
  let tarball: string
  let clients: Clients
  let images: Images

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lacre-package-'))
    await runOk('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT })
    tarball = join(folder, (await readdir(folder)).find((name) => name.endsWith('.tgz')) ?? assert.fail('npm pack made no tarball'))
    clients = await openClients(join(folder, 'clients'))
    images = await makeImages(join(folder, 'images'))
  })

  after(() => rm(folder, { recursive: true, force: true }))

  test('it holds compiled programs and what people read, and is small', async () => {
    const files = (await runOk('tar', ['-tzf', tarball])).trim().split('\n')
    const expected = /^package\/(package\.json|README\.md|CHANGELOG\.md|LICENSE|bin\/(lacre|registry|htpasswd|launch\.sh)|dist\/[a-z0-9/-]+\.js)$/
    assert.deepEqual(
      files.filter((file) => !expected.test(file)),
      [],
    )
    assert.ok(files.includes('package/dist/main.js') && files.includes('package/dist/access/password-worker.js'))
    assert.ok((await stat(tarball)).size < PACKED_MOST)
  })

  for (const [what, node] of [
    ['Node 24', async () => ({ PATH: `${dirname(process.execPath)}:${process.env['PATH']}` })],
    ['Node 18 and its npm', installNode18],
  ] as const) {
    test(`with ${what}, npx runs its commands and serves over HTTPS, and skopeo logs in, pushes and pulls`, async () => {
      const env = await node()
      const place = join(folder, `with ${what}`)
      await mkdir(place)
      await runOk('npm', ['install', '--silent', '--prefer-offline', tarball], { cwd: place, env })
      const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
      assert.equal(await runOk('npx', ['lacre', '--version'], { cwd: place, env }), `lacre ${version}\n`)
      assert.equal(await runOk('npx', ['registry', '--version'], { cwd: place, env }), `registry lacre ${version}\n`)
      await serveAndPush(place, env)
    })
  }

  test('npx runs the tarball itself, with nothing installed', async () => {
    const place = join(folder, 'empty')
    await mkdir(place)
    await copyFile(tarball, join(place, 'lacre.tgz')) // npx takes an absolute path for a command's
    const { stdout, stderr } = await run('npx', ['--yes', './lacre.tgz', 'user', 'add', 'alice', '--file', './passwords', '--generate'], { cwd: place })
    assert.match(stdout, /^password: \S+/m, stderr)
    assert.deepEqual(await readdir(place), ['lacre.tgz', 'passwords'])
  })

  async function serveAndPush(place: string, env: Readonly<Record<string, string>>): Promise<void> {
    const port = await freePort('127.0.0.1')
    const up = ['lacre', 'up', 'localhost', '--yes', '--json', '--port', String(port), '--data', join(place, 'data')]
    // npx keeps a signal to itself: as Ctrl-C does, timeout sends it to everything that was started
    const server = await startServer('timeout', ['900', 'npx', ...up], {
      environment: env,
      endpoint: { url: `https://localhost:${port}` },
      cwd: place,
    })
    try {
      const { user } = JSON.parse(/^\{.*\}$/m.exec(server.output())?.[0] ?? '{}') as { user: { name: string; password: string } }
      const image = `docker://localhost:${port}/team/app:v1`
      const trust = ['--dest-tls-verify=false', '--dest-creds', `${user.name}:${user.password}`]
      const pushed = await clients.skopeo('copy', ...trust, `oci:${images.small}:v1`, image)
      assert.equal(pushed.status, 0, pushed.stderr + server.output())
      const refused = await clients.skopeo('inspect', '--tls-verify=false', '--creds', `${user.name}:wrong`, image)
      assert.match(refused.stderr, /unauthorized|authentication required/)
    } finally {
      await server.stop()
    }
  }

  /** An environment whose `node` and `npm` are those of Node 18. */
  async function installNode18(): Promise<Readonly<Record<string, string>>> {
    const place = join(folder, 'node-18')
    await mkdir(place)
    await runOk('npm', ['install', '--silent', '--prefer-offline', `node-linux-${arch() === 'arm64' ? 'arm64' : 'x64'}@18.20.8`, 'npm@10.9.9'], { cwd: place })
    const env = { PATH: `${join(place, 'node_modules/.bin')}:${process.env['PATH']}` }
    assert.equal(await runOk('node', ['--version'], { env }), 'v18.20.8\n')
    return env
  }
})
