import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { Client } from '../support/http-client.ts'
import { Receiver } from '../support/receiver.ts'
import { runCommand } from './support/command.ts'
import { checkout } from './support/planted-project.ts'
import { freePort, startLacre } from './support/running-lacre.ts'
import { openTemporaryFolder } from './support/temporary-folder.ts'

const page = await readFile(join(checkout, 'docs/webhooks.md'), 'utf8')
const blocks = (language: string): string[] => [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block = '']) => block.trim())
const [serve = '', status = '', discard = ''] = blocks('sh')

const push = (client: Client) =>
  client.send('POST', '/v2/team/app/blobs/uploads/?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824', { body: 'hello' })

test('the commands of docs/webhooks.md do what it says', async () => {
  assert.equal(blocks('sh').length, 3)
  await using folder = await openTemporaryFolder()
  await using receiver = await Receiver.start()
  const configuration = join(folder.path, 'config.yml')
  const port = await freePort()
  await writeFile(configuration, `version: 0.1\nstorage: {filesystem: {rootdirectory: ${folder.path}/data}}\nhttp: {addr: "127.0.0.1:${port}"}\n`)
  const here = (command: string, name: string): string => command.replace('config.yml', configuration).replace('127.0.0.1:8080', name)
  const run = async (command: string): Promise<string> => (await runCommand('sh', ['-c', command], { cwd: checkout })).stdout

  const isServing = /listening on /
  {
    await using _lacre = await startLacre(here(serve, `127.0.0.1:${receiver.port}`), isServing)
    assert.equal((await push(new Client(port))).status, 201)
    await receiver.got(1)
    assert.match(await run(here(status, '')), /^ci {2}\S+: .*\(http:\/\/127\.0\.0\.1:\d+\/events\)$/m)
  }
  {
    await using _lacre = await startLacre(here(serve, '127.0.0.1:1').replace('name: ci', 'name: old-name'), isServing)
    assert.equal((await push(new Client(port))).status, 201)
    assert.match(await run(here(status, '')), /^old-name {2}failing: 1 events wait/m)
  }
  assert.match(await run(here(status, '')), /^old-name {2}stopped: 1 events wait/m)
  assert.match(await run(here(discard, '')), /^1 events for old-name are given up$/m)
  assert.match(await run(here(status, '')), /^no webhook endpoints, and no events wait$/m)
})

test('the configuration of docs/webhooks.md is one, without a warning', async () => {
  await using folder = await openTemporaryFolder()
  const [example = ''] = blocks('yaml')
  const path = join(folder.path, 'config.yml')
  await writeFile(path, `version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\nhttp: {addr: ":5000"}\n${example}\n`)
  const { config, warnings } = await loadConfig({ path, environment: {} })
  assert.deepEqual([warnings, config.notifications.endpoints[0]?.ignore.actions], [[], ['pull']])
})

test('the event of docs/webhooks.md is JSON', () => {
  const [example = ''] = blocks('json')
  assert.equal((JSON.parse(example) as { events: object[] }).events.length, 1)
})
