import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { lacre, lacreEach, Workplace } from './support/lacre.ts'

interface Printed {
  readonly dryRun?: boolean
  readonly changes: readonly { readonly does: string; readonly path?: string; readonly diff?: readonly string[] }[]
  readonly certificates: readonly { readonly name: string; readonly isNew: boolean; readonly names: readonly string[] }[]
}

const init = (dir: string): string[] => ['docker-tls', 'init', '--host', 'docker.intranet', '--no-passphrase', '--dir', dir]

test('--json tells what was made, and no key', async () => {
  await using place = await Workplace.make()
  const dir = join(place.folder, 'ca')
  const [made, again] = await lacreEach([
    [...init(dir), '--json'],
    [...init(dir), '--json'],
  ])
  const printed = JSON.parse(made?.stdout ?? '') as Printed
  assert.deepEqual(
    printed.certificates.map(({ name, isNew }) => [name, isNew]),
    [
      ['ca', true],
      ['server', true],
    ],
  )
  assert.equal(printed.changes.length, 5)
  assert.doesNotMatch(made?.stdout ?? '', /BEGIN [A-Z ]*PRIVATE KEY/)
  assert.deepEqual((JSON.parse(again?.stdout ?? '') as Printed).changes, [])
})

test('--dry-run writes nothing, not even the folder', async () => {
  await using place = await Workplace.make()
  const dir = join(place.folder, 'ca')
  const { status, stdout } = await lacre([...init(dir), '--dry-run'])
  assert.deepEqual([status, existsSync(dir)], [0, false])
  assert.match(stdout, /^Nothing is done yet[\s\S]*ca-key\.pem \(mode 0400\)\n {2}\(a private key: not shown\)/)
})

test('its help fits on 80 columns', async () => {
  const helps = await lacreEach(['', 'init', 'client', 'install-daemon', 'renew', 'undo'].map((verb) => ['docker-tls', ...(verb ? [verb] : []), '--help']))
  assert.deepEqual(
    helps.flatMap(({ stdout }) => stdout.split('\n').filter((line) => line.length > 80)),
    [],
  )
})

test('what it cannot do exits with 1 and a hint, and makes nothing', async () => {
  await using place = await Workplace.make()
  const dir = ['--dir', join(place.folder, 'ca')]
  const lines = [
    ['init', '--no-passphrase'],
    ['init', '--host', 'docker.intranet'], // no terminal to ask for a passphrase
    ['init', '--host', 'https://docker.intranet/', '--no-passphrase'],
    ['init', '--host', 'a', '--no-passphrase', '--key', 'dsa'],
    ['init', '--host', 'a', '--no-passphrase', '--days', '0'],
    ['client'],
    ['client', 'server'],
    ['renew'],
    ['undo', '--root', place.folder],
    ['install-daemon', '--root', place.folder],
  ]
  const done = await lacreEach(lines.map((line) => ['docker-tls', ...line, ...dir]))
  for (const [index, { status, stderr }] of done.entries()) {
    assert.equal(status, 1, `${lines[index]?.join(' ')}: ${stderr}`)
    assert.match(stderr, /^lacre: .*\nhint: .+/)
  }
  assert.equal(existsSync(join(place.folder, 'ca')), false)
})

test('--install and --out do not go together', async () => {
  assert.equal((await lacre(['docker-tls', 'client', '--install', '--out', 'x'])).status, 2)
})

test('a command that was killed is taken back by the next one, which says so', async () => {
  await using place = await Workplace.make()
  const dir = join(place.folder, 'ca')
  await lacre(init(dir))
  const journal = join(dir, '.lacre/0001.json')
  await writeFile(journal, (await readFile(journal, 'utf8')).replace('"isDone": true', '"isDone": false'))
  const before = await readFile(join(dir, 'ca.pem'), 'utf8')
  const { status, stderr } = await lacre(init(dir))
  assert.deepEqual([status, stderr], [0, 'note: docker-tls init was interrupted the last time, and is taken back\n'])
  assert.notEqual(await readFile(join(dir, 'ca.pem'), 'utf8'), before)
})
