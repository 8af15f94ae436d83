import assert from 'node:assert/strict'
import { mkdtempDisposable, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { verifySync } from '@node-rs/bcrypt'
import { runHtpasswd } from './htpasswd.ts'

/** Runs htpasswd in a folder of its own: `FILE` in the arguments is a file with `content`, or none. */
async function run(argv: readonly string[], { content, input = '' }: { content?: string; input?: string } = {}) {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lacre-htpasswd-'))
  const path = join(folder.path, 'users')
  if (content !== undefined) await writeFile(path, content)
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const status = await runHtpasswd(
    argv.map((word) => (word === 'FILE' ? path : word)),
    { stdin: Readable.from([Buffer.from(input)]), stdout, stderr },
  )
  const file = await readFile(path, 'utf8').catch(() => undefined)
  const mode = file === undefined ? undefined : (await stat(path)).mode & 0o777
  const read = (stream: PassThrough) => String(stream.read() ?? '').replaceAll(path, 'FILE')
  return { status, stdout: read(stdout), stderr: read(stderr), file, mode }
}

const MISSION = 'user:$2y$05$M/IbI44MSrDFj9bcuFRPt.6tiit1r0V1.KCy2tf4hAzNuznqR9cXG\n'

test('-Bbn prints the line and a blank one, and touches nothing', async () => {
  const { status, stdout, stderr, file } = await run(['-Bbn', 'user', 'p4ssw0rd'])
  assert.deepEqual({ status, stderr, file }, { status: 0, stderr: '', file: undefined })
  const hash = /^user:(\$2y\$05\$\S{53})\n\n$/.exec(stdout)?.[1] ?? assert.fail(stdout)
  assert.equal(verifySync('p4ssw0rd', hash), true)
})

for (const [argv, cost] of [
  [['-nb', 'user', 'p'], '05'],
  [['-b', '-n', '-B', 'user', 'p'], '05'],
  [['-BbnC4', 'user', 'p'], '04'],
  [['-BbnC', '6', 'user', 'p'], '06'],
  [['-C', '4', '-C7', '-nb', 'user', 'p'], '07'],
  [['-Bbn', '--', 'user', 'p'], '05'],
  [['-Bbn', 'user', '-p'], '05'],
  [['-mbnB', 'user', 'p'], '05'],
] as const) {
  test(`htpasswd ${argv.join(' ')} prints bcrypt of cost ${cost}`, async () => {
    const { status, stdout } = await run(argv)
    assert.equal(status, 0)
    assert.ok(stdout.startsWith(`user:$2y$${cost}$`), stdout)
  })
}

test('-c makes a file of mode 0600, or begins an old one afresh', async () => {
  const made = await run(['-Bbc', 'FILE', 'user', 'p'])
  assert.deepEqual([made.status, made.stdout, made.stderr, made.mode], [0, '', 'Adding password for user user\n', 0o600])
  const afresh = await run(['-Bbc', 'FILE', 'user', 'p'], { content: MISSION.repeat(2) })
  assert.equal(afresh.stderr, 'Adding password for user user\n')
  assert.match(afresh.file ?? '', /^user:\S{60}\n$/)
})

test('a user is added behind the others, updated in place, and deleted', async () => {
  const added = await run(['-Bb', 'FILE', 'two', 'p'], { content: `# c\n${MISSION}` })
  assert.equal(added.stderr, 'Adding password for user two\n')
  assert.ok(added.file?.startsWith(`# c\n${MISSION}two:$2y$05$`), added.file)
  const updated = await run(['-Bb', 'FILE', 'user', 'p'], { content: `# c\n${MISSION}two:x\n` })
  assert.equal(updated.stderr, 'Updating password for user user\n')
  assert.match(updated.file ?? '', /^# c\nuser:\$2y\$05\$\S{53}\ntwo:x\n$/)
  const deleted = await run(['-D', 'FILE', 'user'], { content: `# c\n${MISSION}two:x\n` })
  assert.deepEqual([deleted.status, deleted.stderr, deleted.file], [0, 'Deleting password for user user\n', '# c\ntwo:x\n'])
})

test('-i takes what is piped in, without the line end', async () => {
  for (const input of ['secret', 'secret\n', 'secret\r\n']) {
    const { status, stdout } = await run(['-Bin', 'user'], { input })
    assert.equal(status, 0)
    assert.equal(verifySync('secret', stdout.slice('user:'.length).trim()), true)
  }
  assert.equal((await run(['-Bin', 'user'], { input: 'secret\nmore\n' })).status, 3)
  assert.equal((await run(['-vi', 'FILE', 'user'], { content: MISSION, input: 'p4ssw0rd\nmore\n' })).status, 3)
  assert.equal((await run(['-vi', 'FILE', 'user'], { content: MISSION, input: 'p4ssw0rd\n' })).status, 0)
})

test('without -b and -i, and without a terminal, the password comes twice', async () => {
  assert.equal((await run(['-Bn', 'user'], { input: 'a\na\n' })).status, 0)
  const differing = await run(['-Bn', 'user'], { input: 'a\nb\n' })
  assert.deepEqual([differing.status, differing.stderr], [3, 'htpasswd: password verification error\n'])
  assert.equal((await run(['-v', 'FILE', 'user'], { content: MISSION, input: 'p4ssw0rd\n' })).status, 0)
})

const long = (length: number) => 'a'.repeat(length)
// What Apache's 2.4 says, but for the rows marked "ours".
for (const [argv, status, stderr, content] of [
  [['-vb', 'FILE', 'user', 'p4ssw0rd'], 0, 'Password for user user correct.\n', MISSION],
  [['-vb', 'FILE', 'user', 'nope'], 3, 'password verification failed\n', MISSION],
  [['-vb', 'FILE', 'nobody', 'nope'], 6, 'User nobody not found\n', MISSION],
  [['-D', 'FILE', 'nobody'], 0, 'User nobody not found\n', MISSION],
  [['-bD', 'FILE', 'nobody', 'p'], 0, 'User nobody not found\n', MISSION],
  [['-Bb', 'FILE', 'user', 'p'], 1, "htpasswd: cannot modify file FILE; use '-c' to create it\n", undefined],
  [['-D', 'FILE', 'user'], 1, "htpasswd: cannot modify file FILE; use '-c' to create it\n", undefined],
  [['-vb', 'FILE', 'user', 'p'], 1, "htpasswd: cannot modify file FILE; use '-c' to create it\n", undefined],
  [['-Bbc', '/nonexistent/users', 'user', 'p'], 1, 'htpasswd: cannot create file /nonexistent/users\n', undefined],
  [['-Bbn', 'us:er', 'p'], 6, "htpasswd: username contains illegal character ':'\n", undefined],
  [['-Bb', 'FILE', 'two', 'p'], 7, 'htpasswd: The file FILE does not appear to be a valid htpasswd file.\n', 'user:x\nplain\n'],
  [['-D', 'FILE', 'two'], 7, 'htpasswd: The file FILE does not appear to be a valid htpasswd file.\n', 'user:x\nplain\n'],
  [['-Bbn', 'user', long(256)], 5, 'htpasswd: password too long (> 256)\n', undefined],
  [['-Bbn', long(256), 'p'], 5, 'htpasswd: username too long (> 255)\n', undefined],
  [['-cn', 'user'], 2, 'htpasswd: only one of -c -n -v -D may be specified\n', undefined],
  [['-bDc', 'FILE', 'user', 'p'], 2, 'htpasswd: only one of -c -n -v -D may be specified\n', undefined],
  [['-Bb', '-C', 'x', 'FILE', 'user', 'p'], 2, 'htpasswd: argument to -C/-r must be a positive integer\n', MISSION],
  [['-Bb', '-C', '3', 'FILE', 'user', 'p'], 3, 'htpasswd: Unable to encode with bcrypt: Invalid argument\n', MISSION],
  [['-Bb', '-C', '18', 'FILE', 'user', 'p'], 3, 'htpasswd: Unable to encode with bcrypt: Invalid argument\n', MISSION],
  [['-Bbn', 'user', long(73)], 5, 'htpasswd: password too long (> 72)\n', undefined], // ours
  [['-Bbn', '#user', 'p'], 6, "htpasswd: username contains illegal character '#'\n", undefined], // ours
  [['-Bbn', 'us\ner', 'p'], 6, "htpasswd: username contains illegal character '\\n'\n", undefined], // ours
  [['-mbn', 'user', 'p'], 9, 'htpasswd: -m is no use here: the registry takes only bcrypt (-B)\n', undefined], // ours
  [['-Bbns', 'user', 'p'], 9, 'htpasswd: -s is no use here: the registry takes only bcrypt (-B)\n', undefined], // ours
] as const) {
  test(`htpasswd ${argv.join(' ').replaceAll('\n', '\\n').slice(0, 40)} ends with ${status}, says why, and leaves the file`, async () => {
    const result = await run(argv, content === undefined ? {} : { content })
    assert.deepEqual({ status: result.status, stderr: result.stderr, stdout: result.stdout }, { status, stderr, stdout: '' })
    assert.equal(result.file, content)
  })
}

for (const [argv, first] of [
  [[], 'Usage:'],
  [['-B'], 'Usage:'],
  [['--help'], 'htpasswd: illegal option -- -'],
  [['-Z'], 'htpasswd: illegal option -- Z'],
  [['-C'], 'htpasswd: option requires an argument -- C'],
  [['-bi', 'FILE', 'user', 'p'], 'Usage:'],
  [['-Bbn', 'user', 'p', 'extra'], 'Usage:'],
  [['-bD', 'FILE', 'user'], 'Usage:'],
] as const) {
  test(`htpasswd ${argv.join(' ')} shows the usage and ends with 2`, async () => {
    const { status, stderr } = await run(argv)
    assert.equal(status, 2)
    assert.equal(stderr.split('\n')[0], first)
    assert.match(stderr, /^Usage:$/m)
  })
}

test('an empty password is refused: most often it is a variable that was not set', async () => {
  for (const [argv, input] of [
    [['-Bbn', 'user', ''], ''],
    [['-Bin', 'user'], ''],
    [['-Bin', 'user'], '\n'],
  ] as const) {
    const { status, stdout, stderr } = await run(argv, { input })
    assert.deepEqual([status, stdout], [3, ''])
    assert.match(stderr, /password is empty/)
  }
})

test('a hash that is not bcrypt is said to be none that the registry can match', async () => {
  const { status, stderr } = await run(['-vb', 'FILE', 'user', 'p'], { content: 'user:{SHA}x\n' })
  assert.equal(status, 3)
  assert.match(stderr, /SHA-1.*only bcrypt/)
})
