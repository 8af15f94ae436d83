import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type ConfigCase, configCases, fillIn } from '../../test/support/config-cases.ts'
import { ConfigError } from './config-error.ts'
import { loadConfig } from './load.ts'
import { flatten } from './sources.ts'

const places = { root: '/data', addr: '127.0.0.1:5000', debug: '127.0.0.1:5001', folder: '/etc/registry' }
const folder = await mkdtemp(join(tmpdir(), 'config-'))
after(() => rm(folder, { recursive: true }))
const path = join(folder, 'config.yml')

async function load({ file, environment }: ConfigCase) {
  await writeFile(path, fillIn(file, places))
  return loadConfig({ path, environment: Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, fillIn(value, places)])) })
}

for (const row of configCases) {
  test(`configuration: ${row.what}${row.refused === undefined ? '' : ' is refused'}`, async () => {
    if (row.refused !== undefined) return refuses(row, row.refused)
    const { config, warnings } = await load(row)
    const effective = new Map(flatten(config).map(([key, value]) => [key.join('.'), value]))
    const expected = JSON.parse(fillIn(JSON.stringify(row.values ?? {}), places)) as Record<string, unknown>
    for (const key of Object.keys(row.values ?? {})) assert.deepEqual(effective.get(key), expected[key], key)
    assert.equal(warnings.length, row.warned ? 1 : 0, warnings.join('\n'))
    if (row.warned) assert.match(warnings[0] ?? '', row.warned)
  })
}

async function refuses(row: ConfigCase, key: string): Promise<void> {
  await assert.rejects(load(row), (error: unknown) => {
    assert.ok(error instanceof ConfigError, String(error))
    assert.ok(
      error.problems.some((problem) => problem.path === key || problem.path.endsWith(key)),
      error.message,
    )
    return true
  })
}

test('the table of configurations has a hundred cases, each with a name of its own', () => {
  assert.ok(configCases.length >= 100, String(configCases.length))
  assert.equal(new Set(configCases.map(({ what }) => what)).size, configCases.length)
})
