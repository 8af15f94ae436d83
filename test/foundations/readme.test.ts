import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand } from './support/command.ts'
import { checkout } from './support/planted-project.ts'
import { askStatus, freePort, startLacre } from './support/running-lacre.ts'
import { openTemporaryFolder } from './support/temporary-folder.ts'

const readme = await readFile(join(checkout, 'README.md'), 'utf8')

const isServing = /listening on / // in the log

/** Each command of the README → where it is run: a test below, or a suite that has docker. */
const coverage: Readonly<Record<string, string>> = {
  'npm start': 'here',
  'docker login registry.example:5000': 'test/clients/journey.test.ts',
  'docker tag app registry.example:5000/team/app:1.0': 'test/clients/journey.test.ts',
  'docker push registry.example:5000/team/app:1.0': 'test/clients/journey.test.ts',
  'sudo install -D lacre-data/lacre/state/pki/ca/ca.crt /etc/docker/certs.d/registry.example:5000/ca.crt': 'here',
  './lacre user add alice': 'here',
  './lacre user list': 'here',
  'docker stop registry': 'test/clients/take-turns.test.ts', // a registry:2 that stops, and lacre on its volume
  './lacre serve /etc/docker/registry/config.yml': 'here',
  'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/srv/registry ./lacre serve': 'here',
}

function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block)
  return blocks.flatMap((block) => block.trim().split('\n'))
}

/** The README's command, with its places replaced by the test's. Fails when the README has no such command any more. */
function command(text: string, replacements: Readonly<Record<string, string>>): string {
  assert.ok(commandsOf(readme).includes(text), `the README has no command ${text}`)
  return Object.entries(replacements).reduce((result, [from, to]) => result.replace(from, to), text)
}

test('each command of the README is run by a test', () => {
  assert.deepEqual(commandsOf(readme).sort(), Object.keys(coverage).sort())
  for (const place of Object.values(coverage)) assert.ok(place === 'here' || existsSync(join(checkout, place)), place)
})

test('the README fits on a screen, and what it links to is there', () => {
  assert.ok(readme.split('\n').length <= 60)
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path = '']) => path)
  for (const path of links) assert.ok(existsSync(join(checkout, path)), path)
})

test('npm start is the installation of what is missing and lacre up', async () => {
  const { scripts } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  assert.equal(scripts['start'], 'sh scripts/install-missing && sh bin/lacre up --yes')
})

test('what npm start serves can be trusted and logged in to, with users who come while it runs', async () => {
  await using folder = await openTemporaryFolder()
  const data = join(folder.path, 'lacre-data')
  const start = `npm start -- --port 0 --data '${data}'`
  await using lacre = await startLacre(start, /docker push/)
  const [, port] = /https:\/\/\S+:(\d+)$/m.exec(lacre.output) ?? []
  const [, password = ''] = /^ +password +(\S+)/m.exec(lacre.output) ?? []
  const url = `https://localhost:${port}/v2/`

  const trust = command('sudo install -D lacre-data/lacre/state/pki/ca/ca.crt /etc/docker/certs.d/registry.example:5000/ca.crt', {
    'sudo ': '',
    'lacre-data': data,
    '/etc': `${folder.path}/etc`,
  })
  assert.equal((await runCommand('sh', ['-c', trust])).code, 0)
  const ca = await readFile(join(folder.path, 'etc/docker/certs.d/registry.example:5000/ca.crt'))

  await assert.rejects(askStatus({ url }), { code: /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/ })
  assert.equal(await askStatus({ url, ca }), 401)
  assert.equal(await askStatus({ url, ca, user: `admin:${password}` }), 200)
  assert.equal(await askStatus({ url, ca, user: 'admin:wrong' }), 401)

  const added = await runCommand('sh', ['-c', `${command('./lacre user add alice', {})} --data '${data}'`], { cwd: checkout })
  const [, hers] = /^password: (\S+)/m.exec(added.stdout) ?? []
  assert.equal(await askStatus({ url, ca, user: `alice:${hers}` }), 200)
  const list = await runCommand('sh', ['-c', `${command('./lacre user list', {})} --data '${data}'`], { cwd: checkout })
  assert.match(list.stdout, /^admin .*\nalice /m)
})

test('the password is printed only the first time', async () => {
  await using folder = await openTemporaryFolder()
  const start = `./lacre up --yes --port 0 --data '${folder.path}'`
  const first = await startLacre(start, /docker push/)
  await first[Symbol.asyncDispose]()
  await using second = await startLacre(start, /docker push/)
  assert.match(first.output, /^ +password /m)
  assert.doesNotMatch(second.output, /^ +password /m)
})

test('a configuration file of registry:2 is served', async () => {
  await using folder = await openTemporaryFolder()
  const [port, config] = [await freePort(), join(folder.path, 'config.yml')]
  await writeFile(config, `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${folder.path}/data\nhttp:\n  addr: 127.0.0.1:${port}\n`)
  await mkdir(join(folder.path, 'data'))
  await using _ = await startLacre(command('./lacre serve /etc/docker/registry/config.yml', { '/etc/docker/registry/config.yml': config }), isServing)
  assert.equal((await fetch(`http://127.0.0.1:${port}/v2/`)).status, 200)
})

test("the variables of registry:2's compose file are served", async () => {
  await using folder = await openTemporaryFolder()
  const port = await freePort()
  const variables = { REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`, ...(await hideInstalledConfiguration(folder.path)) }
  const serve = command('REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/srv/registry ./lacre serve', { '/srv/registry': folder.path })
  await using _ = await startLacre(serve, isServing, variables)
  assert.equal((await fetch(`http://127.0.0.1:${port}/v2/`)).status, 200)
  assert.ok(existsSync(join(folder.path, 'lacre')))
})

/** On a machine where Distribution is installed, its file would be read: a bare one stands in for "no file at all". */
async function hideInstalledConfiguration(folder: string): Promise<Record<string, string>> {
  if (!['/etc/distribution/config.yml', '/etc/docker/registry/config.yml'].some((path) => existsSync(path))) return {}
  const bare = join(folder, 'bare.yml')
  await writeFile(bare, 'version: 0.1\nstorage: { filesystem: {} }\nhttp: { addr: ":5000" }\n')
  return { REGISTRY_CONFIGURATION_PATH: bare }
}
