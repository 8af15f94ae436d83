import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type ConfigCase, configCases, fillIn, type Places, type Sight } from '../support/config-cases.ts'
import { look } from './configuration/sight.ts'
import { makeSanCertificate } from './support/certificates.ts'
import { run, runOk } from './support/command.ts'
import { freePort, ROOT } from './support/registry-server.ts'

const HOST = '127.0.0.1'
const folder = await mkdtemp(join(tmpdir(), 'configuration-'))
after(() => rm(folder, { recursive: true, force: true }))
before(async () => {
  await makeSanCertificate(folder, ['localhost'])
  await writeFile(join(folder, 'htpasswd'), await runOk('htpasswd', ['-Bbn', '-C', '5', 'user', 'p4ssw0rd']))
})

let started = 0

/** What a program is seen to do with a row of the table, in a place of its own. */
async function see(program: readonly string[], { file, environment }: ConfigCase, awaited: Sight): Promise<{ seen: Sight; places: Places }> {
  const own = join(folder, String(++started))
  await mkdir(own)
  const [addr, debug] = [`${HOST}:${await freePort(HOST)}`, `${HOST}:${await freePort(HOST)}`]
  const places = { root: join(own, 'data'), addr, debug, folder }
  const path = join(own, 'config.yml')
  await writeFile(path, fillIn(file, places))
  const variables = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, fillIn(value, places)]))
  return { seen: await look([...program, path], variables, places, awaited), places }
}

async function behaves(program: readonly string[], row: ConfigCase, awaited: Sight): Promise<void> {
  const { seen, places } = await see(program, row, awaited)
  for (const [key, value] of Object.entries(awaited) as [keyof Sight, unknown][]) {
    assert.deepEqual(seen[key], typeof value === 'string' ? fillIn(value, places) : value, `${key} of ${JSON.stringify(seen)}`)
  }
}

const looked = new Set<string>()

/** Whether there is more to be seen than the table's other half proves (that lacre refuses it, or takes it), and no row before shows it. */
function isWorthALook({ values, theirs, ours, refused }: ConfigCase): boolean {
  const sight = Object.entries({ ...theirs, ...ours }).filter(([key]) => key !== 'starts')
  const shown = JSON.stringify([values, sight.map(([key, value]) => [key, String(value)])])
  if (refused !== undefined || sight.length === 0 || looked.has(shown)) return false
  looked.add(shown)
  return true
}

suite('configuration', { concurrency: 2 }, () => {
  for (const row of configCases) {
    const { theirs, what } = row
    if (!theirs) continue
    test(`docker-registry, ${what}`, () => behaves(['docker-registry', 'serve'], row, theirs))
    if (isWorthALook(row)) test(`lacre, ${what}`, () => behaves([join(ROOT, 'bin/lacre'), 'serve'], row, { starts: true, ...theirs, ...row.ours }))
  }
})

test('a configuration that is refused ends lacre with a sentence and exit code 1', async () => {
  const { status, stderr } = await run(join(ROOT, 'bin/registry'), ['serve', await writeRefused()])
  assert.deepEqual(
    [status, stderr],
    [1, 'lacre: configuration: http.addr is not set (refused.yml:1)\nhint: set REGISTRY_HTTP_ADDR=:5000, or http: {addr: :5000}\n'],
  )
})

async function writeRefused(): Promise<string> {
  const path = join(folder, 'refused.yml')
  await writeFile(path, 'version: 0.1\nstorage: filesystem\n')
  return path
}

test('where lacre does otherwise, the table says why', () => {
  for (const row of configCases) {
    const isOther = row.ours !== undefined || (row.refused !== undefined && row.theirs !== undefined && row.theirs.starts !== false)
    assert.equal(row.why !== undefined, isOther, row.what)
  }
})
