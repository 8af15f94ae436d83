import assert from 'node:assert/strict'
import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand } from './support/command.ts'
import { layOut, layOutPath, linkNode, pinnedNode, type Started, writeProgram } from './support/launcher-folder.ts'
import { openTemporaryFolder } from './support/temporary-folder.ts'

async function start(file: string, args: readonly string[] = [], options: Parameters<typeof runCommand>[2] = {}): Promise<Started> {
  const { code, stdout, stderr } = await runCommand(file, args, options)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Started
}

for (const [launcher, marker] of [
  ['lacre', []],
  ['bin/lacre', []],
  ['bin/registry', ['--as', 'registry']],
  ['bin/htpasswd', ['--as', 'htpasswd']],
] as const) {
  test(`${launcher} starts the program with its arguments as they are`, async () => {
    await using folder = await openTemporaryFolder()
    await layOut(folder.path, 'src/main.ts')
    await linkNode(pinnedNode(join(folder.path, 'node_modules')))
    const { args } = await start(join(folder.path, launcher), ['serve', 'a b', '', '*', '--', '$HOME'])
    assert.deepEqual(args, [...marker, 'serve', 'a b', '', '*', '--', '$HOME'])
  })
}

test('a launcher works in a path with spaces, through links, from another folder, and stays in that folder', async () => {
  await using folder = await openTemporaryFolder()
  const home = join(folder.path, 'my own lacre')
  await layOut(home, 'src/main.ts')
  await linkNode(pinnedNode(join(home, 'node_modules')))
  const elsewhere = join(folder.path, 'else where')
  await mkdir(elsewhere)
  await symlink(join(home, 'bin', 'registry'), join(folder.path, 'first'))
  await symlink('../first', join(elsewhere, 'second'))
  await symlink(join(home, 'lacre'), join(elsewhere, 'third'))

  const registry = await start('./second', ['--version'], { cwd: elsewhere })
  assert.deepEqual(registry.args, ['--as', 'registry', '--version'])
  assert.equal(registry.cwd, elsewhere)
  const lacre = await start('sh', ['./third', 'up'], { cwd: elsewhere })
  assert.deepEqual(lacre.args, ['up'])
})

test('the pinned Node comes before one on PATH', async () => {
  await using folder = await openTemporaryFolder()
  await layOut(folder.path, 'src/main.ts')
  await linkNode(pinnedNode(join(folder.path, 'node_modules')))
  await layOutPath(join(folder.path, 'tools'))
  await writeProgram(join(folder.path, 'tools', 'node'), 'echo v99.0.0; exit 1')
  const { node } = await start(join(folder.path, 'bin/lacre'), [], { environment: { PATH: join(folder.path, 'tools') } })
  assert.equal(node, process.execPath)
})

test('a package finds the pinned Node beside itself', async () => {
  await using folder = await openTemporaryFolder()
  await layOut(join(folder.path, 'lacre'), 'dist/main.js')
  await linkNode(pinnedNode(folder.path))
  await layOutPath(join(folder.path, 'tools'))
  const { node } = await start(join(folder.path, 'lacre/bin/lacre'), [], { environment: { PATH: join(folder.path, 'tools') } })
  assert.equal(node, process.execPath)
})

test('a Node 24 on PATH does when the pinned one is missing or does not run here', async () => {
  await using folder = await openTemporaryFolder()
  await layOut(folder.path, 'src/main.ts')
  const environment = { PATH: join(folder.path, 'tools') }
  await layOutPath(environment.PATH)
  await linkNode(join(environment.PATH, 'node'))
  assert.equal((await start(join(folder.path, 'lacre'), [], { environment })).node, process.execPath)

  await writeProgram(pinnedNode(join(folder.path, 'node_modules')), 'exit 127')
  assert.equal((await start(join(folder.path, 'lacre'), [], { environment })).node, process.execPath)
})

for (const [why, version] of [
  ['no Node', undefined],
  ['Node 20', 'v20.20.2'],
  ['something that is not Node', 'hello'],
] as const) {
  test(`with ${why}, a launcher says what to do`, async () => {
    await using folder = await openTemporaryFolder()
    await layOut(folder.path, 'src/main.ts')
    const tools = join(folder.path, 'tools')
    await layOutPath(tools)
    if (version) await writeProgram(join(tools, 'node'), `echo ${version}`)
    await writeProgram(join(folder.path, 'package-lock.json'), '')
    const { code, stdout, stderr } = await runCommand(join(folder.path, 'bin/lacre'), ['up'], { environment: { PATH: tools } })
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^lacre: Node 24 or newer is not here\nhint: run "npm ci" in (.*), which brings it, or install Node 24/)
    assert.ok(stderr.includes(`in ${folder.path},`))
  })
}

test('a copy without a program says so', async () => {
  await using folder = await openTemporaryFolder()
  await layOut(folder.path, 'src/main.ts')
  await rm(join(folder.path, 'src'), { recursive: true })
  const { code, stderr } = await runCommand(join(folder.path, 'lacre'), [])
  assert.equal(code, 1)
  assert.match(stderr, /^lacre: there is no program in .*\nhint: /)
})

test('the program gets 16 threads for files, or as many as the environment says', async () => {
  await using folder = await openTemporaryFolder()
  await layOut(folder.path, 'src/main.ts')
  await linkNode(pinnedNode(join(folder.path, 'node_modules')))
  assert.equal((await start(join(folder.path, 'lacre'))).threads, '16')
  assert.equal((await start(join(folder.path, 'lacre'), [], { environment: { UV_THREADPOOL_SIZE: '3' } })).threads, '3')
})

test('a launcher ends as the program does', async () => {
  await using folder = await openTemporaryFolder()
  await layOut(folder.path, 'src/main.ts')
  await writeProgram(pinnedNode(join(folder.path, 'node_modules')), 'case $1 in --version) echo v24.0.0;; *) exit 70;; esac')
  assert.equal((await runCommand(join(folder.path, 'lacre'), [])).code, 70)
})
