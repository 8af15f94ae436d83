import assert from 'node:assert/strict'
import { chmod, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { Command } from 'commander'
import { userCommand } from './user.ts'

interface Trial {
  readonly folder: string
  readonly input?: string
}

/** Runs `lacre user …` as the program does; `FILE` is a file in the folder. Errors are given back. */
async function run(argv: readonly string[], { folder, input = '' }: Trial) {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const streams = { stdin: Readable.from([Buffer.from(input)]), stdout, stderr }
  const program = new Command('lacre').addCommand(userCommand({ data: join(folder, 'data-of-environment'), streams }))
  for (const command of [program, ...program.commands, ...program.commands.flatMap((parent) => parent.commands)]) {
    command.exitOverride().configureOutput({ writeErr: (text) => stderr.write(text), writeOut: (text) => stdout.write(text) })
  }
  const words = ['user', ...argv.map((word) => (word === 'FILE' ? join(folder, 'users') : word === 'DIR' ? folder : word))]
  const error = await program.parseAsync(words, { from: 'user' }).then(
    () => undefined,
    (thrown: Error & { code?: string; hint?: string; exitCode?: number }) => thrown,
  )
  return { error, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
}

const makeFolder = () => mkdtempDisposable(join(tmpdir(), 'lacre-user-'))
const CHEAP = ['--cost', '4']

test('a user is added with a password that was piped in, verified, listed and removed', async () => {
  await using temporary = await makeFolder()
  const folder = temporary.path
  const added = await run(['add', 'alice', '--file', 'FILE', '--password-stdin', ...CHEAP], { folder, input: 'wonder land\n' })
  assert.deepEqual([added.error, added.stdout, added.stderr], [undefined, `user alice added to ${join(folder, 'users')}\n`, ''])

  const right = await run(['verify', 'alice', '--file', 'FILE', '--password-stdin'], { folder, input: 'wonder land' })
  assert.deepEqual([right.error, right.stdout], [undefined, 'the password of user alice is right\n'])
  const wrong = await run(['verify', 'alice', '--file', 'FILE', '--password-stdin', '--json'], { folder, input: 'mirror\n' })
  assert.equal(wrong.error?.code, 'PASSWORD_WRONG')
  assert.equal(JSON.parse(wrong.stdout).matches, false)

  const listed = await run(['list', '--file', 'FILE', '--json'], { folder })
  assert.deepEqual(JSON.parse(listed.stdout), [{ user: 'alice', algorithm: 'bcrypt', cost: 4, usable: true }])
  assert.equal((await run(['remove', 'alice', '--file', 'FILE'], { folder })).error, undefined)
  assert.equal(await readFile(join(folder, 'users'), 'utf8'), '')
})

test('without a terminal and --password-stdin the password is made, shown once, and works', async () => {
  await using temporary = await makeFolder()
  const folder = temporary.path
  for (const argv of [
    ['add', 'ci'],
    ['passwd', 'ci'],
    ['passwd', 'ci', '--generate'],
  ]) {
    const { stdout, error } = await run([...argv, '--file', 'FILE', ...CHEAP], { folder })
    assert.equal(error, undefined)
    const password = /^password: (\S+)$/m.exec(stdout)?.[1] ?? assert.fail(stdout)
    assert.equal((await run(['verify', 'ci', '--file', 'FILE', '--password-stdin'], { folder, input: password })).error, undefined)
  }
})

test('--json prints a generated password, and never one that was given', async () => {
  await using temporary = await makeFolder()
  const folder = temporary.path
  const made = await run(['add', 'ci', '--file', 'FILE', '--json', ...CHEAP], { folder })
  assert.deepEqual(Object.keys(JSON.parse(made.stdout)), ['user', 'file', 'password'])
  const given = await run(['passwd', 'ci', '--file', 'FILE', '--json', '--password-stdin', ...CHEAP], { folder, input: 'secret' })
  assert.deepEqual(JSON.parse(given.stdout), { user: 'ci', file: join(folder, 'users') })
})

test('--data names the folder of a registry, and the environment may name another', async () => {
  await using temporary = await makeFolder()
  const folder = temporary.path
  const added = await run(['add', 'ci', '--data', 'DIR', '--json', ...CHEAP], { folder })
  assert.equal(JSON.parse(added.stdout).file, join(folder, 'lacre', 'state', 'htpasswd'))
  const missing = await run(['list'], { folder })
  assert.equal(missing.error?.code, 'FILE_MISSING')
  assert.match(missing.error?.message ?? '', /data-of-environment/)
  assert.match(missing.error?.hint ?? '', /--data DIR/)
})

test('the list says which users can never log in', async () => {
  await using temporary = await makeFolder()
  const folder = temporary.path
  await writeFile(join(folder, 'users'), '# c\nlonger-name:{SHA}x\nbob:$2y$05$M/IbI44MSrDFj9bcuFRPt.6tiit1r0V1.KCy2tf4hAzNuznqR9cXG\n')
  const { stdout } = await run(['list', '--file', 'FILE'], { folder })
  assert.equal(stdout, 'NAME         PASSWORD\nlonger-name  SHA-1: never matches, set a new one\nbob          bcrypt, cost 5\n')
})

test('a file that others could read is told to be closed to them', async () => {
  await using temporary = await makeFolder()
  const folder = temporary.path
  await writeFile(join(folder, 'users'), '')
  await chmod(join(folder, 'users'), 0o644)
  const { stderr, stdout } = await run(['add', 'ci', '--file', 'FILE', '--json', ...CHEAP], { folder })
  assert.match(stderr, /had mode 0644 and has 0600 now/)
  assert.equal(JSON.parse(stdout).user, 'ci')
})

for (const [argv, code, why, input] of [
  [['add', 'a:b', '--file', 'FILE'], 'NAME_INVALID', 'a colon in the name'],
  [['add', 'alice', '--file', 'FILE', '--password-stdin'], 'PASSWORD_EMPTY', 'an empty password'],
  [['add', 'alice', '--file', 'FILE', '--password-stdin'], 'PASSWORD_TOO_LONG', '73 bytes of password', 'a'.repeat(73)],
  [['add', 'alice', '--file', 'FILE', '--password-stdin'], 'PASSWORD_INVALID', 'two lines of password', 'a\nb\n'],
  [['passwd', 'alice', '--file', 'FILE', '--generate'], 'FILE_MISSING', 'no file'],
  [['list', '--file', 'FILE'], 'FILE_MISSING', 'no file to list'],
] as const) {
  test(`${why} is ${code}, with a hint`, async () => {
    await using temporary = await makeFolder()
    const { error } = await run(argv, { folder: temporary.path, ...(input && { input }) })
    assert.equal(error?.code, code)
    assert.equal(typeof error?.hint, 'string')
  })
}

for (const [argv, why] of [
  [['add', '--file', 'FILE'], 'no name'],
  [['add', 'alice', 'secret', '--file', 'FILE'], 'a password as an argument'],
  [['add', 'alice', '--file', 'FILE', '--cost', '3'], 'a cost below 4'],
  [['add', 'alice', '--file', 'FILE', '--generate', '--password-stdin'], 'two sources of a password'],
  [['add', 'alice', '--file', 'FILE', '--data', 'DIR'], 'two places of the file'],
  [['verify', 'alice', '--file', 'FILE'], 'verify with no password and no terminal'],
  [['rename', 'alice'], 'an unknown verb'],
] as const) {
  test(`${why} is a usage error`, async () => {
    await using temporary = await makeFolder()
    const { error, stdout } = await run(argv, { folder: temporary.path })
    assert.match(error?.code ?? '', /^commander\./)
    assert.equal(stdout, '')
  })
}

test('--help shows examples', async () => {
  await using temporary = await makeFolder()
  for (const argv of [['--help'], ['add', '--help']]) {
    assert.match((await run(argv, { folder: temporary.path })).stdout, /lacre user add alice/)
  }
})
