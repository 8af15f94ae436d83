import assert from 'node:assert/strict'
import { appendFile, cp, mkdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { runCommand } from './support/command.ts'
import { layOutPath, writeProgram } from './support/launcher-folder.ts'
import { checkout } from './support/planted-project.ts'
import { openTemporaryFolder } from './support/temporary-folder.ts'

describe('scripts/install-missing', () => {
  /** A checkout whose npm only writes down that it was called, and what it leaves behind. */
  async function openCheckout(npm: string) {
    const folder = await openTemporaryFolder()
    await mkdir(join(folder.path, 'scripts'))
    await cp(join(checkout, 'scripts/install-missing'), join(folder.path, 'scripts/install-missing'))
    await writeFile(join(folder.path, 'package-lock.json'), '{}\n')
    await layOutPath(join(folder.path, 'tools'))
    if (npm) await writeProgram(join(folder.path, 'tools/npm'), npm)
    const options = { environment: { PATH: join(folder.path, 'tools') } }
    return { ...folder, install: () => runCommand('sh', [join(folder.path, 'scripts/install-missing')], options) }
  }
  const working = 'echo "npm $*"; mkdir -p node_modules; echo installed >> node_modules/times'
  const installs = async (folder: string) => (await readFile(join(folder, 'node_modules/times'), 'utf8')).trim().split('\n').length

  test('installs once, says so, and is quiet afterwards', async () => {
    await using folder = await openCheckout(working)
    const first = await folder.install()
    assert.deepEqual([first.code, first.stdout], [0, ''])
    assert.match(first.stderr, /^lacre: installing dependencies.*\nnpm ci --no-progress\n$/)
    assert.deepEqual(await folder.install(), { code: 0, stdout: '', stderr: '' })
    assert.equal(await installs(folder.path), 1)
  })

  test('installs again when the lock file is another, whatever its date', async () => {
    await using folder = await openCheckout(working)
    await folder.install()
    await appendFile(join(folder.path, 'package-lock.json'), '\n')
    await utimes(join(folder.path, 'package-lock.json'), 0, 0)
    await folder.install()
    assert.equal(await installs(folder.path), 2)
  })

  test('believes in what "npm ci" did by hand', async () => {
    await using folder = await openCheckout('exit 1')
    await mkdir(join(folder.path, 'node_modules'))
    await writeFile(join(folder.path, 'node_modules/.package-lock.json'), '{}\n')
    assert.deepEqual(await folder.install(), { code: 0, stdout: '', stderr: '' })
  })

  test('fails with a sentence when npm fails, and tries again the next time', async () => {
    await using folder = await openCheckout('mkdir -p node_modules; echo "no network" >&2; exit 7')
    for (const _ of [1, 2]) {
      const { code, stderr } = await folder.install()
      assert.equal(code, 1)
      assert.match(stderr, /no network\nlacre: the dependencies could not be installed\nhint: /)
    }
  })

  test('says that npm is missing', async () => {
    await using folder = await openCheckout('')
    const { code, stderr } = await folder.install()
    assert.equal(code, 1)
    assert.match(stderr, /^lacre: npm is not here\nhint: install Node\.js with npm/)
  })
})

describe('scripts/test', () => {
  const passing = `import { test } from 'node:test'\ntest('it passes', () => {})\n`
  const failing = `import { test } from 'node:test'\ntest('it fails', () => { throw new Error('no') })\n`

  async function openSuite(files: Readonly<Record<string, string>>) {
    const folder = await openTemporaryFolder()
    for (const part of ['bin', 'scripts', 'package.json']) await cp(join(checkout, part), join(folder.path, part), { recursive: true })
    await symlink(join(checkout, 'node_modules'), join(folder.path, 'node_modules'))
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(folder.path, path, '..'), { recursive: true })
      await writeFile(join(folder.path, path), text)
    }
    return { ...folder, run: (script: string, ...args: string[]) => runCommand(join(folder.path, 'scripts', script), args) }
  }
  const counts = (output: string) => [output.match(/^\S+ pass (\d+)$/m)?.[1], output.match(/^\S+ fail (\d+)$/m)?.[1]]

  test('runs every self-contained suite, and not the others', async () => {
    await using suite = await openSuite({
      'src/oci/a.test.ts': passing,
      'test/protocol/deep/b.test.ts': passing,
      'test/clients-of-ours/b.test.ts': passing,
      'test/clients/c.test.ts': failing,
      'test/faults-long/d.test.ts': failing,
    })
    const { code, stdout } = await suite.run('test')
    assert.deepEqual([code, counts(stdout)], [0, ['3', '0']])
  })

  test('fails when a test fails', async () => {
    await using suite = await openSuite({ 'src/a.test.ts': passing, 'test/contract/b.test.ts': failing })
    const { code, stdout } = await suite.run('test')
    assert.deepEqual([code, counts(stdout)], [1, ['1', '1']])
  })

  test('runs the folders and files it is told to, with options for node', async () => {
    await using suite = await openSuite({ 'src/a/a b.test.ts': passing, 'src/b/b.test.ts': failing, 'src/c.test.ts': passing + failing.replace(/^.*\n/, '') })
    const { code, stdout } = await suite.run('test', 'src/a', 'src/c.test.ts', '--test-name-pattern=passes')
    assert.deepEqual([code, counts(stdout)], [0, ['2', '0']])
  })

  test('refuses a folder that is not there or has no tests', async () => {
    await using suite = await openSuite({ 'src/a.test.ts': passing, 'src/b/b.ts': '' })
    for (const place of ['src/none', 'src/b']) assert.equal((await suite.run('test', place)).code, 1, place)
  })

  for (const [script, folder] of [
    ['test', 'src'],
    ['test-clients', 'test/clients'],
    ['test-faults', 'test/faults-long'],
  ] as const) {
    test(`${script} is content when there are no tests yet, and fails with the first that does`, async () => {
      await using suite = await openSuite({})
      await rm(join(suite.path, 'src'), { recursive: true, force: true })
      assert.equal((await suite.run(script)).code, 0)
      await mkdir(join(suite.path, folder), { recursive: true })
      await writeFile(join(suite.path, folder, 'a.test.ts'), failing)
      assert.equal((await suite.run(script)).code, 1)
    })
  }
})
