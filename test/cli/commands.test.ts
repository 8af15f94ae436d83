import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { blobData } from '../../src/volume/layout.ts'
import { imageOf } from '../support/images.ts'
import { type Finished, lacre, lacreEach, Workplace } from './support/lacre.ts'
import { pushTo } from './support/push.ts'

const image = imageOf('first')

/** A volume that nobody serves, with what the pushes put there. */
async function filledVolume(...repositories: readonly string[]): Promise<Workplace> {
  const place = await Workplace.make()
  const server = await place.serve()
  for (const repository of repositories) await pushTo(await server.client(), repository, image, '1.0', 'latest')
  await server.end()
  return place
}

const linesOf = ({ stdout }: Finished): unknown[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)

test('lists tell of a volume, and the same of a server far away', async () => {
  await using place = await filledVolume('team/app', 'a')
  const data = ['--data', place.data]
  assert.deepEqual(await lacre(['repo', 'list', ...data]), { status: 0, stdout: 'a\nteam/app\n', stderr: '' })
  assert.deepEqual(linesOf(await lacre(['tag', 'list', 'a', '--json', ...data])), ['1.0', 'latest'])
  const config = await place.configuration()
  assert.equal((await lacre(['repo', 'list', '--config', config])).stdout, 'a\nteam/app\n')
  const server = await place.serve()
  const url = ['--server', `http://127.0.0.1:${await server.listening}`]
  assert.deepEqual(await lacre(['repo', 'list', ...url]), { status: 0, stdout: 'a\nteam/app\n', stderr: '' })
  assert.deepEqual(linesOf(await lacre(['tag', 'list', 'team/app', '--json', ...url])), ['1.0', 'latest'])
})

test('a check exits with 1 when something is wrong, names it, and with 0 once it is mended', async () => {
  await using place = await filledVolume('team/app')
  const layer = join(place.data, blobData(digestOf(image.blobs[1] ?? '')))
  await writeFile(layer, 'other bytes')
  const check = (...more: string[]) => lacre(['check', '--data', place.data, ...more])
  assert.equal((await check()).status, 0)
  const damaged = await check('--bytes')
  assert.equal(damaged.status, 1)
  assert.match(damaged.stdout, new RegExp(`damaged +${blobData(digestOf(image.blobs[1] ?? ''))}\n`))
  assert.match(damaged.stdout, /\n1 findings\n$/)
  await rm(layer)
  const findings = linesOf(await check('--json')) as { kind?: string; repository?: string; findings?: number }[]
  assert.deepEqual([findings[0]?.kind, findings[0]?.repository, findings.at(-1)], ['missing', 'team/app', { findings: findings.length - 1 }])
  await writeFile(layer, image.blobs[1] ?? '')
  const mended = await check('--bytes')
  assert.deepEqual([mended.status, mended.stdout], [0, 'everything is in order\n'])
})

test('a dry collection tells what the next one removes', async () => {
  await using place = await filledVolume('team/app')
  await rm(join(place.data, 'docker/registry/v2/repositories/team/app/_manifests/tags'), { recursive: true })
  const collect = (...more: string[]) => lacre(['gc', '--data', place.data, '--delete-untagged', '--grace', '0', '--json', ...more])
  const told = linesOf(await collect('--dry-run'))
  assert.equal(told.length, 7)
  assert.deepEqual(linesOf(await collect()), told)
  assert.equal(linesOf(await collect()).length, 1)
  const kept = await lacre(['gc', '--data', place.data, '--delete-untagged'])
  assert.match(kept.stdout, /^0 manifests, 0 links and 0 blobs \(0 B\) removed\n$/)
})

test("registry garbage-collect takes a configuration, as Distribution's does", async () => {
  await using place = await filledVolume('team/app')
  const done = await lacre(['--as', 'registry', 'garbage-collect', '--dry-run', '-m', await place.configuration()])
  assert.deepEqual([done.status, done.stdout], [0, '0 manifests, 0 links and 0 blobs (0 B) would be removed\n'])
})

test('two commands at a time wait for one another', async () => {
  await using place = await filledVolume('team/app')
  const both = await Promise.all(['check', 'reindex'].map((name) => lacre([name, '--data', place.data])))
  assert.deepEqual(
    both.map(({ status, stderr }) => [status, stderr]),
    [
      [0, ''],
      [0, ''],
    ],
  )
})

test('commands say that there is no registry in a folder, and make none', async () => {
  await using place = await Workplace.make()
  const lines = [['repo', 'list'], ['tag', 'list', 'a'], ['check'], ['gc'], ['reindex'], ['upload', 'purge']]
  for (const done of await lacreEach(lines.map((line) => [...line, '--data', place.data]))) {
    assert.equal(done.status, 1)
    assert.match(done.stderr, new RegExp(`^lacre: there is no registry in ${place.data}\nhint: `))
  }
  assert.equal(existsSync(place.data), false)
})

test('commands that do not exist, options that do not and arguments that are missing exit with 2', async () => {
  for (const done of await lacreEach([['nonsense'], ['repo', 'lst'], ['gc', '--nonsense'], ['tag', 'list'], ['serve', 'a', 'b']])) {
    assert.deepEqual([done.status, done.stdout], [2, ''])
    assert.match(done.stderr, /^error: .*\n/)
  }
})

test('what the user can mend exits with 1 and a hint', async () => {
  await using place = await Workplace.make()
  const lines = [
    ['serve', join(place.folder, 'nowhere.yml')],
    ['gc', '--grace', 'long', '--data', place.folder],
    ['up', '--port', 'http', '--data', place.data],
  ]
  for (const done of await lacreEach(lines)) {
    assert.equal(done.status, 1)
    assert.match(done.stderr, /^lacre: .*\nhint: .+/)
  }
})

const registry = ['--as', 'registry']
const commands = [
  ...[[], ['up'], ['serve'], ['gc'], ['check'], ['reindex']],
  ...[['user'], ['user', 'add'], ['user', 'passwd'], ['user', 'remove'], ['user', 'list'], ['user', 'verify']],
  ...['', 'add', 'remove', 'list', 'join', 'leave'].map((verb) => ['group', verb].filter((word) => word !== '')),
  ...['', 'allow', 'revoke', 'list', 'why', 'test', 'export', 'apply'].map((verb) => ['access', verb].filter((word) => word !== '')),
  ...[['repo'], ['repo', 'list'], ['tag'], ['tag', 'list'], ['upload'], ['upload', 'purge']],
  ...['', 'init', 'client', 'install-daemon', 'renew', 'undo'].map((verb) => ['docker-tls', verb].filter((word) => word !== '')),
  ...[['config'], ['config', 'show'], ['config', 'keys'], ['health']],
  ...[registry, [...registry, 'serve'], [...registry, 'garbage-collect']],
]

test('every command has help with an example', async () => {
  const helps = await lacreEach(commands.map((command) => [...command, '--help']))
  assert.deepEqual(
    helps.map(({ status }) => status),
    commands.map(() => 0),
  )
  const without = commands.filter((_command, index) => !/^Examples?:\n {2}/m.test(helps[index]?.stdout ?? ''))
  assert.deepEqual(without, [])
})
