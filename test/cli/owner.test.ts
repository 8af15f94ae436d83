import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { imageOf } from '../support/images.ts'
import { lacre, Workplace } from './support/lacre.ts'
import { pushTo } from './support/push.ts'

const OWNER = { uid: 47_011, gid: 47_012 }
const skip = process.getuid?.() !== 0 && 'only root can give a volume to somebody else'
const image = imageOf('first')

after(() => rm(join(tmpdir(), `lacre-${OWNER.uid}`), { recursive: true, force: true })) // where its servers had their admin sockets

/** A folder with a volume of another user. */
async function foreignVolume(): Promise<Workplace> {
  const place = await Workplace.make()
  chmodSync(place.folder, 0o755)
  for (const folder of ['', 'docker', 'docker/registry', 'docker/registry/v2', 'docker/registry/v2/blobs', 'docker/registry/v2/repositories']) {
    mkdirSync(join(place.data, folder), { recursive: true })
    chownSync(join(place.data, folder), OWNER.uid, OWNER.gid)
  }
  return place
}

/** What of the volume is not its owner's. What a server has staged meanwhile may be in its place by now. */
async function strangers({ data }: Workplace): Promise<string[]> {
  const paths = await readdir(data, { recursive: true })
  return paths.filter((path) => {
    const about = statSync(join(data, path), { throwIfNoEntry: false })
    return about !== undefined && (about.uid !== OWNER.uid || about.gid !== OWNER.gid)
  })
}

function identityOf(pid: number | undefined): { readonly users: Set<string>; readonly groups: Set<string> } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const words = (name: string) => new Set((new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '').trim().split(/\s+/))
  return { users: words('Uid'), groups: new Set([...words('Gid'), ...words('Groups')]) }
}

test("started as root, a server becomes the volume's owner, and all that it writes is that owner's", { skip }, async () => {
  await using place = await foreignVolume()
  const server = await place.serve()
  assert.deepEqual(identityOf(server.process.pid), { users: new Set([`${OWNER.uid}`]), groups: new Set([`${OWNER.gid}`]) })
  await pushTo(await server.client(), 'team/app', image, 'latest')
  assert.deepEqual(await strangers(place), [])
  assert.equal((await lacre(['repo', 'list', '--data', place.data])).stdout, 'team/app\n')
  assert.equal(await server.end(), 0)
})

test("commands run by root leave every file the owner's, so that the server can go on", { skip }, async () => {
  await using place = await foreignVolume()
  for (const line of [['repo', 'list'], ['check'], ['reindex'], ['gc']]) {
    const done = await lacre([...line, '--data', place.data])
    assert.deepEqual([line, done.status], [line, 0], done.stderr)
  }
  assert.deepEqual(await strangers(place), [])
  const server = await place.serve()
  await pushTo(await server.client(), 'team/app', image, 'latest')
  assert.equal(await server.end(), 0)
})

test('a port below 1024 is taken before root is given up', { skip }, async (t) => {
  await using place = await foreignVolume()
  const port = await findPrivilegedPort()
  if (!port) return t.skip('no port below 1024 is free')
  const server = await place.start(['serve', await place.configuration()], { REGISTRY_HTTP_ADDR: `127.0.0.1:${port}` })
  assert.equal(await server.listening, port)
  assert.deepEqual(identityOf(server.process.pid).users, new Set([`${OWNER.uid}`]))
  assert.equal((await (await server.client()).get('/v2/')).status, 200)
})

test("lacre up on another user's volume leaves every file the owner's, and users can be added by root later", { skip }, async () => {
  await using place = await foreignVolume()
  const up = ['up', 'localhost', '--yes', '--port', '0', '--data', place.data]
  const first = await place.start(up)
  assert.deepEqual(await strangers(place), [])
  const added = await lacre(['user', 'add', 'alice', '--password-stdin', '--data', place.data], { input: 'wonderland' })
  assert.equal(added.status, 0, added.stderr)
  assert.deepEqual(await strangers(place), [])
  assert.equal(await first.end(), 0)
  const second = await place.start(up)
  const reply = execFileSync('curl', ['-skw', '%{http_code}', '-u', 'alice:wonderland', '-o', '/dev/null', `https://127.0.0.1:${await second.listening}/v2/`])
  assert.equal(reply.toString(), '200')
})

test("what an ACME server's client keeps is the owner's, also what it writes after root is given up", { skip }, async () => {
  await using place = await foreignVolume()
  const environment = { REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS: 'registry.example.com', REGISTRY_HTTP_TLS_LETSENCRYPT_DIRECTORYURL: 'https://127.0.0.1:1/' }
  const server = await place.start(['serve', await place.configuration()], environment)
  await server.says(/cannot reach the ACME server/)
  assert.ok((await readdir(join(place.data, 'lacre/state/acme/127.0.0.1_1_'))).includes('schedule.json'))
  assert.deepEqual(await strangers(place), [])
  assert.equal(await server.end(), 0)
})

test("the first user, added by root before a server has ever run, leaves every file the owner's", { skip }, async () => {
  await using place = await foreignVolume()
  const added = await lacre(['user', 'add', 'alice', '--generate', '--data', place.data])
  assert.equal(added.status, 0, added.stderr)
  assert.deepEqual(await strangers(place), [])
  const server = await place.serve()
  assert.equal(await server.end(), 0)
})

async function findPrivilegedPort(): Promise<number | undefined> {
  for (let port = 1023; port > 1000; port--) if (await isFree(port)) return port
  return undefined
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

test("certificates for somewhere else are root's, and all in the volume its owner's", { skip }, async () => {
  await using place = await foreignVolume()
  const [own, phrase] = [join(place.folder, 'certs.d'), join(place.folder, 'phrase')]
  mkdirSync(own, { mode: 0o700 }) // nobody but root may look in
  writeFileSync(phrase, 'right\n', { mode: 0o600 })
  for (const line of [
    ['ca', 'init', '--passphrase-file', phrase],
    ['cert', 'issue', 'server', 'registry.test', '--passphrase-file', phrase],
    ['cert', 'issue', 'client', 'alice', '--passphrase-file', phrase, '--out', join(own, 'alice')],
    ['cert', 'export', 'docker-client', '--from', join(own, 'alice'), '--to', join(own, 'registry.test')],
    ['cert', 'renew', '--out', join(own, 'alice'), '--passphrase-file', phrase],
  ]) {
    const { status, stderr } = await lacre([...line, '--data', place.data])
    assert.equal(status, 0, stderr)
  }
  assert.deepEqual(await strangers(place), [])
  for (const path of await readdir(own, { recursive: true })) assert.equal(statSync(join(own, path)).uid, 0, path)
})
