import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { applyChanges, undoLastRun } from './apply-plan.ts'
import { findChanges } from './changes.ts'
import { DOCKER_SERVICE, DROP_IN, planDaemon } from './docker-daemon.ts'
import { findServiceUnit } from './systemd-unit.ts'

const files = { ca: 'CA', certificate: 'CERTIFICATE', key: 'KEY' }
const UPSTREAM = '[Service]\nType=notify\nExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock\n'
const DEBIAN =
  '[Unit]\nExecStart=/wrong\n[Service]\nEnvironmentFile=-/etc/default/docker\nExecStart=/usr/sbin/dockerd -H fd:// \\\n  --containerd=/c.sock $DOCKER_OPTS\n'

/** Lays files out in a folder that stands for `/`, installs there, and gives what is there then. */
async function install(there: Readonly<Record<string, string>>): Promise<AsyncDisposable & { read(path: string): Promise<string>; undo(): Promise<unknown> }> {
  const root = await mkdtemp(join(tmpdir(), 'lacre-daemon-'))
  for (const [path, text] of Object.entries(there)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  const journal = join(root, 'journal')
  const remove = () => rm(root, { recursive: true, force: true })
  try {
    const unit = await findServiceUnit(root, DOCKER_SERVICE, DROP_IN)
    const { steps } = planDaemon({ root, listen: '0.0.0.0:2376', files, unit })
    await applyChanges(await findChanges(steps), { journal, title: 'test' })
  } catch (error) {
    await remove()
    throw error
  }
  return { read: (path) => readFile(join(root, path), 'utf8'), undo: () => undoLastRun(journal), [Symbol.asyncDispose]: remove }
}

const DROP_IN_PATH = `etc/systemd/system/docker.service.d/${DROP_IN}`

async function commandOf(there: Readonly<Record<string, string>>): Promise<string> {
  await using place = await install(there)
  return (await place.read(DROP_IN_PATH)).split('\n').slice(1, 4).join('\n')
}

async function hostsOf(there: Readonly<Record<string, string>>): Promise<unknown> {
  await using place = await install(there)
  return (JSON.parse(await place.read('etc/docker/daemon.json')) as { hosts: unknown }).hosts
}

test('on a machine without settings, daemon.json asks for certificates and keeps the unix socket', async () => {
  await using place = await install({})
  assert.deepEqual(JSON.parse(await place.read('etc/docker/daemon.json')), {
    tlsverify: true,
    tlscacert: '/etc/docker/ca.pem',
    tlscert: '/etc/docker/server-cert.pem',
    tlskey: '/etc/docker/server-key.pem',
    hosts: ['unix:///var/run/docker.sock', 'tcp://0.0.0.0:2376'],
  })
})

test('what else daemon.json says stays, and comes back as it was', async () => {
  const before = '{\n\t"log-driver": "journald",\n\t"hosts": ["tcp://192.0.2.1:2376"]\n}\n'
  await using place = await install({ 'etc/docker/daemon.json': before })
  const after = await place.read('etc/docker/daemon.json')
  assert.match(
    after,
    /^\{\n\t"log-driver": "journald",\n\t"hosts": \["unix:\/\/\/var\/run\/docker.sock", "tcp:\/\/192.0.2.1:2376", "tcp:\/\/0.0.0.0:2376"\],\n\t"tls/,
  )
  await place.undo()
  assert.equal(await place.read('etc/docker/daemon.json'), before)
  await assert.rejects(place.read('etc/docker/ca.pem'), { code: 'ENOENT' })
})

for (const [what, hosts, kept] of [
  ['a socket of systemd', ['fd://'], ['fd://', 'tcp://0.0.0.0:2376']],
  ['another unix socket', ['unix:///x.sock'], ['unix:///x.sock', 'tcp://0.0.0.0:2376']],
  ['the same address', ['unix:///x.sock', 'tcp://0.0.0.0:2376'], ['unix:///x.sock', 'tcp://0.0.0.0:2376']],
] as const) {
  test(`${what} in daemon.json is not repeated`, async () => {
    assert.deepEqual(await hostsOf({ 'etc/docker/daemon.json': JSON.stringify({ hosts }) }), kept)
  })
}

for (const [what, unit, rest] of [
  ["docker's own unit", { 'usr/lib/systemd/system/docker.service': UPSTREAM }, '/usr/bin/dockerd --containerd=/run/containerd/containerd.sock'],
  ["Debian's unit", { 'lib/systemd/system/docker.service': DEBIAN }, '/usr/sbin/dockerd    --containerd=/c.sock $DOCKER_OPTS'],
] as const) {
  test(`beside ${what} a drop-in starts dockerd without the flags`, async () => {
    assert.equal(await commandOf(unit), `[Service]\nExecStart=\nExecStart=${rest}`)
  })
}

const flags =
  '[Service]\nExecStart=/d -H fd:// --host=tcp://10.0.0.1:2375 -H "tcp://[::1]:1" -Hunix:///y -H  \\\n \'unix:///z\' --tlsverify --tls=false --tlscert=/c --tlskey /k --tlscacert "/a b" -D --label a=--tls\n'

test('listeners of flags move to daemon.json, and flags of TLS go', async () => {
  const there = { 'etc/systemd/system/docker.service': flags }
  assert.deepEqual(await hostsOf(there), [
    'unix:///var/run/docker.sock',
    'tcp://10.0.0.1:2375',
    'tcp://[::1]:1',
    'unix:///y',
    'unix:///z',
    'tcp://0.0.0.0:2376',
  ])
  assert.match(await commandOf(there), /^ExecStart=\/d -D --label a=--tls$/m)
})

test("an administrator's override of the unit is what the drop-in begins with", async () => {
  const override = '[Service]\nExecStart=\nExecStart=/opt/dockerd -H unix:///opt.sock\n'
  const command = await commandOf({ 'usr/lib/systemd/system/docker.service': UPSTREAM, 'etc/systemd/system/docker.service.d/override.conf': override })
  assert.match(command, /ExecStart=\/opt\/dockerd$/)
})

test('a unit without such flags needs no drop-in, and our own is not taken for one', async () => {
  await using place = await install({ 'usr/lib/systemd/system/docker.service': '[Service]\nExecStart=/usr/bin/dockerd\n', [DROP_IN_PATH]: flags })
  assert.equal(await place.read(DROP_IN_PATH), flags)
})

for (const line of ['DOCKER_OPTS="-H tcp://0.0.0.0:2376 --tlsverify"', 'DOCKER_OPTS=“--tlsverify”', "export DOCKER_OPTS='--tlskey=/k'"]) {
  test(`${line} in /etc/default/docker is named, and nothing is done`, async () => {
    const there = { 'lib/systemd/system/docker.service': DEBIAN, 'etc/default/docker': `# options\n${line}\n` }
    await assert.rejects(install(there), { message: /^\/etc\/default\/docker .* in DOCKER_OPTS.*\(line 2\)$/, hint: /take them out/ })
  })
}

test("document 004's variable over several lines, with its curly quote, is explained", async () => {
  const line = 'DOCKER_OPTS="-H tcp://0.0.0.0:2376 --tlsverify \\\n--tlskey=/etc/docker/server-key.pem”\n'
  await assert.rejects(install({ 'lib/systemd/system/docker.service': DEBIAN, 'etc/default/docker': line }), { message: /curly quote/ })
})

test('options that nobody reads, or that are others, do not matter', async () => {
  await using _ = await install({ 'usr/lib/systemd/system/docker.service': UPSTREAM, 'etc/default/docker': 'DOCKER_OPTS="-H fd://"\n' })
  await using __ = await install({ 'lib/systemd/system/docker.service': DEBIAN, 'etc/default/docker': 'DOCKER_OPTS="--dns 8.8.8.8"\n# DOCKER_OPTS="-H x"\n' })
})
