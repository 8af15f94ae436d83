import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand } from './support/command.ts'
import { checkout } from './support/planted-project.ts'
import { openTemporaryFolder } from './support/temporary-folder.ts'

const page = await readFile(join(checkout, 'docs/certificates.md'), 'utf8')
const commands = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trim().split('\n'))

/** What needs a server, or a container: where it is run. The rest is run here, in the page's order. */
const elsewhere: readonly (readonly [begin: string, place: string])[] = [
  ['lacre up ', 'test/cli/up.test.ts'],
  ['docker volume ', 'test/clients/image.test.ts'],
  ['docker run ', 'test/clients/image.test.ts'],
  ['lacre cert show centos8s-server.singleton.net:443', 'test/clients/verdicts.test.ts'],
]

const isElsewhere = (command: string): boolean => elsewhere.some(([begin]) => command.startsWith(begin))

test('each command of docs/certificates.md is run by a test', () => {
  for (const [begin, place] of elsewhere) {
    assert.ok(
      commands.some((command) => command.startsWith(begin)),
      begin,
    )
    assert.ok(existsSync(join(checkout, place)), place)
  }
})

test('the commands of docs/certificates.md do what it says', async () => {
  await using folder = await openTemporaryFolder()
  await writeFile(join(folder.path, 'lacre'), `#!/bin/sh\nexec '${checkout}/lacre' "$@"\n`, { mode: 0o755 })
  await writeFile(join(folder.path, 'phrase'), 'correct horse battery staple\n', { mode: 0o600 })
  const environment = { PATH: `${folder.path}:${process.env['PATH']}` }
  const run = async (command: string): Promise<string> => {
    const { code, stdout, stderr } = await runCommand('sh', ['-c', command], { cwd: folder.path, environment })
    assert.equal(code, 0, `${command}\n${stdout}${stderr}`)
    return stdout
  }
  const said = new Map<string, string>()
  for (const command of commands.filter((one) => !isElsewhere(one))) {
    if (command.startsWith('lacre cert import ')) await replyOfAnotherAuthority(run)
    if (command.startsWith('lacre ca import ')) await depotOfCertstrap(run)
    said.set(command, await run(command))
  }

  const saidTo = (begin: string): string => said.entries().find(([command]) => command.startsWith(begin))?.[1] ?? ''
  const list = async (...path: string[]): Promise<string[]> => (await readdir(join(folder.path, ...path))).sort()
  assert.deepEqual(await list('server'), ['registry.intranet.crt', 'registry.intranet.csr', 'registry.intranet.key'])
  assert.deepEqual(await list('etc/docker/certs.d/registry.intranet'), ['ca.crt', 'client.cert', 'client.key'])
  assert.deepEqual(await list('certs'), ['domain.crt', 'domain.key'])
  assert.match(saidTo('lacre cert list --pki authority'), /registry\.intranet/)
  assert.match(saidTo('lacre cert show singleton/server.crt'), /R&D/)
  assert.match(saidTo('lacre cert revoke alice'), /revoked/)
  const bundle = await readFile(join(folder.path, 'for-clients/registry.intranet:5000/ca.crt'), 'utf8')
  assert.equal(bundle.split('BEGIN CERTIFICATE').length - 1, 2, 'both roots')
})

/** The CA of the lines before, and what it has signed, as certstrap keeps them. */
async function depotOfCertstrap(run: (command: string) => Promise<string>): Promise<void> {
  await run('mkdir depot && cp out/ca/ca.crt depot/registry.ca.crt && cp out/ca/ca.key depot/registry.ca.key && cp server/* depot')
}

/** What a CA elsewhere answers to the request of the page. */
async function replyOfAnotherAuthority(run: (command: string) => Promise<string>): Promise<void> {
  await run('lacre ca init --pki elsewhere --name Elsewhere --no-passphrase')
  await run('lacre cert sign signed/domain.csr --pki elsewhere --out reply.crt')
  await run('lacre ca export --pki elsewhere > reply-chain.crt')
}
