import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposable, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { parseAccountName } from '../../src/access/account-name.ts'
import { addAccount, verifyAccount } from '../../src/access/accounts.ts'
import { openHtpasswd } from '../../src/access/htpasswd.ts'
import { generatePassword, parseCost, parseNewPassword } from '../../src/access/passwords.ts'

// Needs Apache's htpasswd (Debian: apache2-utils).
const OURS = join(import.meta.dirname, '..', '..', 'bin', 'htpasswd')
const folder = await mkdtempDisposable(join(tmpdir(), 'lacre-apache-'))
before(async () => assert.equal((await run('htpasswd', ['-nbB', 'a', 'b'])).status, 0, "Apache's htpasswd is needed: apt-get install apache2-utils"))
after(() => folder.remove())

async function run(program: string, argv: readonly string[], input = '') {
  const child = spawn(program, argv, { cwd: folder.path, stdio: 'pipe' })
  child.stdin.on('error', () => {}) // one that does not read its input
  child.stdin.end(input)
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { status, stdout, stderr }
}

const PASSWORDS = ['p4ssw0rd', 'contraseña €', ':#$2y$', 'a'.repeat(72), ' ', generatePassword()]

for (const password of PASSWORDS) {
  test(`Apache verifies "${password.slice(0, 12)}" as lacre wrote it, and lacre as Apache wrote it`, async () => {
    const path = join(folder.path, `users-${PASSWORDS.indexOf(password)}`)
    await addAccount(path, parseAccountName('ours'), parseNewPassword(password), parseCost('5'))
    assert.equal((await run('htpasswd', ['-vb', path, 'ours', password])).status, 0)
    assert.equal((await run('htpasswd', ['-vb', path, 'ours', `x${password}`])).status, 3)

    assert.equal((await run('htpasswd', ['-Bb', path, 'theirs', password])).status, 0)
    assert.equal(await verifyAccount(path, 'theirs', password), true)
    assert.equal(await verifyAccount(path, 'theirs', `x${password}`), false)
    await using authenticator = await openHtpasswd({ path, realm: 'test' })
    for (const username of ['ours', 'theirs']) assert.deepEqual(await authenticator.authenticate({ username, password }), { kind: 'account', name: username })
  })
}

test('an authenticator follows the edits of Apache, which writes in place', async () => {
  const path = join(folder.path, 'edited')
  await run('htpasswd', ['-Bbc', path, 'user', 'one'])
  await using authenticator = await openHtpasswd({ path, realm: 'test' })
  for (const password of ['two', 'three', 'four', 'five']) {
    await run('htpasswd', ['-Bb', '-C', '4', path, 'user', password])
    assert.ok(await authenticator.authenticate({ username: 'user', password }))
    assert.equal(await authenticator.authenticate({ username: 'user', password: 'one' }), undefined)
  }
})

// The same calls, one after another, to each program with a file of its own.
const CALLS: readonly (readonly [argv: readonly string[], input?: string])[] = [
  [['-Bb', 'FILE', 'user', 'pass']],
  [['-D', 'FILE', 'user']],
  [['-Bbc', 'FILE', 'user', 'pass']],
  [['-Bb', 'FILE', 'user', 'pass2']],
  [['-B', '-b', 'FILE', 'two', 'pass2']],
  [['-vb', 'FILE', 'user', 'pass2']],
  [['-vb', 'FILE', 'user', 'nope']],
  [['-vb', 'FILE', 'nobody', 'nope']],
  [['-Bi', 'FILE', 'three'], 'pass3\n'],
  [['-vi', 'FILE', 'three'], 'pass3\nmore'],
  [['-vi', 'FILE', 'three'], 'pass4'],
  [['-v', 'FILE', 'three'], 'pass3\n'],
  [['-B', 'FILE', 'four'], 'a\nb\n'],
  [['-B', 'FILE', 'four'], 'a\na\n'],
  [['-BbC4', 'FILE', '-user', 'p']],
  [['-D', 'FILE', 'nobody']],
  [['-bD', 'FILE', 'two', 'ignored']],
  [['-bD', 'FILE', 'two']],
  [['-Bbn', 'us:er', 'p']],
  [['-nD', 'user']],
  [['-Bb', '-C', '0', 'FILE', 'user', 'p']],
  [['-Bb', '-C', '99', 'FILE', 'user', 'p']],
  [['-Bbc', '/nonexistent/users', 'user', 'p']],
  [['-Bb', '.', 'user', 'p']],
  [['-Bbn', 'user', 'x'.repeat(256)]],
  [['-Bbn', 'x'.repeat(256), 'p']],
  [['-Bbn', 'user', 'pass']],
]

test('called the same way, both say the same, end with the same status and leave the same file', async () => {
  for (const [argv, input] of CALLS) {
    const [theirs, ours] = await Promise.all([call('htpasswd', 'theirs', argv, input), call(OURS, 'ours', argv, input)])
    assert.deepEqual(ours, theirs, `htpasswd ${argv.join(' ')}`)
  }
})

/** What a call did, with hashes reduced to their algorithm and cost, and without prompts and the usage, which differ. */
async function call(program: string, name: string, argv: readonly string[], input?: string) {
  const file = `same-${name}`
  const result = await run(
    program,
    argv.map((word) => (word === 'FILE' ? file : word)),
    input,
  )
  const clean = (output: string) => output.replaceAll(file, 'FILE').replace(/(\$2y\$\d\d\$)\S{53}/g, '$1')
  const stderr = clean(result.stderr)
    .replace(/^((New|Re-type new|Enter) password: )+/, '')
    .replace(/^Usage:\n.*/ms, 'Usage')
  const content = await readFile(join(folder.path, file), 'utf8').catch(() => '')
  return { status: result.status, stdout: clean(result.stdout), stderr, content: clean(content) }
}
