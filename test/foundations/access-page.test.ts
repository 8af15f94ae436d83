import assert from 'node:assert/strict'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { hashSync } from '@node-rs/bcrypt'
import { parse } from 'yaml'
import { Client } from '../support/http-client.ts'
import { runCommand } from './support/command.ts'
import { checkout } from './support/planted-project.ts'
import { freePort, startLacre } from './support/running-lacre.ts'
import { openTemporaryFolder } from './support/temporary-folder.ts'

const page = await readFile(join(checkout, 'docs/access.md'), 'utf8')
const blocks = (language: string): string[] => [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block = '']) => block.trim())

test('the commands of docs/access.md do what it says', async () => {
  await using folder = await openTemporaryFolder()
  const at = (name: string): string => join(folder.path, name)
  const port = await freePort()
  await writeFile(at('htpasswd'), `jenkins:${hashSync('secret', 4)}\n`)
  const configuration = `version: 0.1\nstorage: {filesystem: {rootdirectory: ${at('data')}}}\nhttp: {addr: "127.0.0.1:${port}"}\nauth: {htpasswd: {realm: test, path: ${at('htpasswd')}}}\n`
  await writeFile(at('config.yml'), configuration)
  await mkdir(at('bin'))
  await symlink(join(checkout, 'bin/lacre'), at('bin/lacre'))
  await using _lacre = await startLacre(`bin/lacre serve ${at('config.yml')}`, /listening on /)
  const run = async (script: string): Promise<string> => {
    const environment = `PATH="${at('bin')}:$PATH" LACRE_DATA=${at('data')}; export PATH LACRE_DATA`
    const { code, stdout, stderr } = await runCommand('sh', ['-ec', `${environment}; ${script}`], { cwd: folder.path })
    assert.equal(code, 0, `${script}\n${stderr}`)
    return stdout
  }
  for (const block of blocks('sh')) {
    for (const [, command = '', said] of block.matchAll(/^([^#\n]*)(?:\n# (.*))?$/gm)) {
      if (command === '') continue
      const stdout = await run(command)
      if (said !== undefined) assert.equal(stdout, `${said}\n`, command)
    }
  }
  const client = new Client(port)
  assert.deepEqual([(await client.get('/v2/public/a/tags/list')).status, (await client.get('/v2/team/a/tags/list')).status], [404, 401])
  const [policy = ''] = blocks('yaml')
  await writeFile(at('policy.yml'), policy)
  assert.equal(await run('lacre access apply policy.yml'), 'the policy is so already: nothing to change\n')
  assert.equal((parse(policy) as { grants: object[] }).grants.length, 4)
})
