import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { configCommand } from './config.ts'

async function run(...args: string[]): Promise<string> {
  let text = ''
  const write = (part: string) => {
    text += part
  }
  await configCommand({ write }, { REGISTRY_HTTP_SECRET: 'hush' }).parseAsync(args, { from: 'user' })
  return text
}

test('lacre config show --json prints every value with its source, and no secret', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'config-'))
  const path = join(folder, 'my.yml')
  await writeFile(path, 'version: 0.1\nstorage: filesystem\nhttp: {addr: ":1"}\n')
  const text = await run('show', path, '--json')
  await rm(folder, { recursive: true })
  const shown = JSON.parse(text) as { path: string; values: { key: string }[]; warnings: string[] }
  const addr = shown.values.find((value) => value.key === 'http.addr')
  assert.deepEqual([shown.path, addr, shown.warnings], [path, { key: 'http.addr', value: ':1', source: 'my.yml:3' }, []])
  assert.doesNotMatch(text, /hush/)
})

test('lacre config keys names the keys', async () => assert.match(await run('keys'), /^http\.tls\.certificate$/m))

for (const verb of ['show', 'check', 'keys', 'schema']) {
  test(`lacre config ${verb} --help has an example`, () => {
    const command = configCommand().commands.find((candidate) => candidate.name() === verb)
    let text = ''
    const writeOut = (part: string) => {
      text += part
    }
    command?.configureOutput({ writeOut }).outputHelp()
    assert.match(text, /Example:\n {2}.*lacre config/)
  })
}

/** Runs a command on a configuration file with this text; also gives the exit code that is left behind. */
async function runOn(file: string, ...args: string[]): Promise<{ text: string; status: unknown }> {
  const folder = await mkdtemp(join(tmpdir(), 'config-'))
  const path = join(folder, 'my.yml')
  await writeFile(path, file)
  try {
    const text = await run(...args, path)
    return { text: text.replaceAll(folder, ''), status: process.exitCode }
  } finally {
    process.exitCode = undefined
    await rm(folder, { recursive: true })
  }
}

const BAD = 'version: 0.1\nstorage:\n  filesystem: {rootdirectory: /d}\n  delete: true\nhttp:\n  adr: :1\nredis: {addr: x}\n'

test('lacre config check names all problems and warnings with their lines and the nearest key, and exits with 1', async () => {
  const { text, status } = await runOn(BAD, 'check')
  assert.deepEqual(text.split('\n'), [
    'problem  storage.delete takes keys below it, not a single value (my.yml:4): write storage.delete: {enabled: …}',
    'problem  http.addr is not set (my.yml:5): set REGISTRY_HTTP_ADDR=:5000, or http: {addr: :5000}',
    'warning  http.adr is no known key and is ignored (my.yml:6): did you mean http.addr?',
    'warning  redis is not used: nothing is cached outside this process (my.yml:7)',
    '2 problems, 2 warnings (/my.yml)',
    '',
  ])
  assert.equal(status, 1)
})

test('lacre config check --json gives keys, lines and suggestions', async () => {
  const { text, status } = await runOn(BAD, 'check', '--json')
  const found = JSON.parse(text) as { path: string; problems: object[]; warnings: object[] }
  assert.deepEqual(found.warnings[0], {
    path: 'http.adr',
    where: 'my.yml:6',
    line: 6,
    message: 'is no known key and is ignored',
    suggestion: 'did you mean http.addr?',
  })
  assert.deepEqual([found.path, found.problems.length, found.warnings.length, status], ['/my.yml', 2, 2, 1])
})

test('lacre config check of a file in order says so, and exits with 0', async () => {
  const { text, status } = await runOn('version: 0.1\nstorage: filesystem\nhttp: {addr: ":1"}\n', 'check')
  assert.deepEqual([text, status], ['everything is in order (/my.yml)\n', undefined])
})

test('lacre config check of a file that is not there is one problem', async () => {
  const text = await run('check', '/nowhere/config.yml')
  assert.match(text, /^problem {2}\/nowhere\/config\.yml does not exist: check the path.*\n1 problems, 0 warnings/)
  process.exitCode = undefined
})

test('lacre config schema prints JSON Schema', async () => {
  assert.equal((JSON.parse(await run('schema')) as { $schema: string }).$schema, 'https://json-schema.org/draft/2020-12/schema')
})
