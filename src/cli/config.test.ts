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

for (const verb of ['show', 'keys']) {
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
