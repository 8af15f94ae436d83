import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtempDisposable, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { parseAccountName } from './account-name.ts'
import { addAccount, listAccounts, putAccount, removeAccount, setPassword, verifyAccount } from './accounts.ts'
import { parseCost, parseNewPassword } from './passwords.ts'

const alice = parseAccountName('alice')
const bob = parseAccountName('bob')
const cheap = parseCost('4')
const makeFolder = () => mkdtempDisposable(join(tmpdir(), 'lacre-accounts-'))

test('an account is added, verified, given another password and removed', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'new', 'htpasswd')
  await addAccount(path, alice, parseNewPassword('one'), cheap)
  assert.equal(await verifyAccount(path, 'alice', 'one'), true)
  assert.equal(await verifyAccount(path, 'alice', 'two'), false)
  assert.equal(await verifyAccount(path, 'alice', 'one\0one'), false)

  await setPassword(path, alice, parseNewPassword('two'), cheap)
  assert.equal(await verifyAccount(path, 'alice', 'one'), false)
  assert.equal(await verifyAccount(path, 'alice', 'two'), true)

  await removeAccount(path, 'alice')
  assert.deepEqual(await listAccounts(path), [])
  assert.deepEqual(await readdir(join(folder.path, 'new')), ['htpasswd'])
})

test('a new file has mode 0600, its new folder 0700, its hashes cost 10', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'new', 'htpasswd')
  assert.deepEqual(await addAccount(path, alice, parseNewPassword('one')), { mode: 0o600 })
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal((await stat(join(folder.path, 'new'))).mode & 0o777, 0o700)
  assert.deepEqual(await listAccounts(path), [{ name: 'alice', algorithm: 'bcrypt', cost: 10, isUsable: true }])
})

for (const [before, after] of [
  [0o644, 0o600],
  [0o666, 0o600],
  [0o640, 0o640],
  [0o600, 0o600],
  [0o400, 0o600],
] as const) {
  test(`a file of mode ${before.toString(8)} has ${after.toString(8)} after an edit`, async () => {
    await using folder = await makeFolder()
    const path = join(folder.path, 'htpasswd')
    await writeFile(path, '')
    await chmod(path, before)
    assert.deepEqual(await addAccount(path, alice, parseNewPassword('one'), cheap), { mode: after, modeBefore: before })
    assert.equal((await stat(path)).mode & 0o777, after)
  })
}

test('comments, order and other entries stay', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'htpasswd')
  await writeFile(path, '# head\ncarol:{SHA}x\n\nalice:$2y$old\n# tail')
  await setPassword(path, alice, parseNewPassword('one'), cheap)
  await addAccount(path, bob, parseNewPassword('one'), cheap)
  assert.match(await readFile(path, 'utf8'), /^# head\ncarol:\{SHA\}x\n\nalice:\$2y\$04\$\S{53}\n# tail\nbob:\$2y\$04\$\S{53}\n$/)
})

test('a symbolic link stays one, and its target is replaced', async () => {
  await using folder = await makeFolder()
  await mkdir(join(folder.path, 'real'))
  await writeFile(join(folder.path, 'real', 'users'), '# here\n')
  await symlink('real/users', join(folder.path, 'htpasswd'))
  await addAccount(join(folder.path, 'htpasswd'), alice, parseNewPassword('one'), cheap)
  assert.equal(await readlink(join(folder.path, 'htpasswd')), 'real/users')
  assert.match(await readFile(join(folder.path, 'real', 'users'), 'utf8'), /^# here\nalice:/)
})

for (const [code, why, run] of [
  ['ACCOUNT_EXISTS', 'adding a name that is there', (path: string) => addAccount(path, alice, parseNewPassword('x'), cheap)],
  ['ACCOUNT_UNKNOWN', 'changing a name that is not there', (path: string) => setPassword(path, bob, parseNewPassword('x'), cheap)],
  ['ACCOUNT_UNKNOWN', 'removing a name that is not there', (path: string) => removeAccount(path, 'bob')],
  ['ACCOUNT_UNKNOWN', 'verifying a name that is not there', (path: string) => verifyAccount(path, 'bob', 'x')],
  ['HASH_UNUSABLE', 'verifying what is not bcrypt', (path: string) => verifyAccount(path, 'alice', 'x')],
] as const) {
  test(`${why} is ${code}, and the file stays as it is`, async () => {
    await using folder = await makeFolder()
    const path = join(folder.path, 'htpasswd')
    await writeFile(path, 'alice:{SHA}x\n')
    await assert.rejects(run(path), { code, hint: /lacre user/ })
    assert.equal(await readFile(path, 'utf8'), 'alice:{SHA}x\n')
    assert.deepEqual(await readdir(folder.path), ['htpasswd'])
  })
}

for (const [what, run] of [
  ['setPassword', (path: string) => setPassword(path, alice, parseNewPassword('x'), cheap)],
  ['removeAccount', (path: string) => removeAccount(path, 'alice')],
  ['listAccounts', (path: string) => listAccounts(path)],
  ['verifyAccount', (path: string) => verifyAccount(path, 'alice', 'x')],
] as const) {
  test(`${what} makes no file, nor a folder`, async () => {
    await using folder = await makeFolder()
    await assert.rejects(run(join(folder.path, 'none', 'htpasswd')), { code: 'FILE_MISSING' })
    await assert.rejects(run(join(folder.path, 'htpasswd')), { code: 'FILE_MISSING' })
    assert.deepEqual(await readdir(folder.path), [])
  })
}

test('a file with a line that is no entry is not edited, and the message names file and line', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'htpasswd')
  await writeFile(path, '# c\nbroken\n')
  await assert.rejects(addAccount(path, alice, parseNewPassword('x'), cheap), {
    code: 'FILE_INVALID',
    message: `${path}: line 2 has no ":" between a name and a hash`,
  })
  assert.equal(await readFile(path, 'utf8'), '# c\nbroken\n')
})

test('a folder in the place of the file is FILE_UNUSABLE', async () => {
  await using folder = await makeFolder()
  await assert.rejects(listAccounts(folder.path), { code: 'FILE_UNUSABLE' })
  await assert.rejects(addAccount(folder.path, alice, parseNewPassword('x'), cheap), { code: 'FILE_UNUSABLE' })
})

test('a file that cannot be made is FILE_UNUSABLE', async () => {
  await using folder = await makeFolder()
  await writeFile(join(folder.path, 'file'), '')
  await assert.rejects(addAccount(join(folder.path, 'file', 'htpasswd'), alice, parseNewPassword('x'), cheap), { code: 'FILE_UNUSABLE' })
  await symlink('nowhere', join(folder.path, 'link'))
  await assert.rejects(addAccount(join(folder.path, 'link', 'htpasswd'), alice, parseNewPassword('x'), cheap), { code: 'FILE_UNUSABLE' })
})

test('putAccount tells whether a name is new, and begins afresh when asked to', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'htpasswd')
  await writeFile(path, 'not a htpasswd file')
  assert.equal(await putAccount(path, { name: 'alice', hash: 'h' }, { afresh: true }), 'added')
  assert.equal(await putAccount(path, { name: 'bob', hash: 'h' }), 'added')
  assert.equal(await putAccount(path, { name: 'alice', hash: 'i' }), 'updated')
  assert.equal(await readFile(path, 'utf8'), 'alice:i\nbob:h\n')
})

test('of many concurrent edits, by this process and others, none is lost', async () => {
  await using folder = await makeFolder()
  const path = join(folder.path, 'htpasswd')
  await writeFile(path, '')
  const script = `
    const { putAccount } = await import(${JSON.stringify(new URL('./accounts.ts', import.meta.url).href)})
    const [path, prefix] = process.argv.slice(1)
    await Promise.all(Array.from({ length: 10 }, (_, i) => putAccount(path, { name: prefix + i, hash: 'h' })))`
  const others = ['a', 'b'].map((prefix) => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, path, prefix]))
  const ours = Array.from({ length: 10 }, (_, i) => putAccount(path, { name: `c${i}`, hash: 'h' }))
  await Promise.all([...others, ...ours])
  const accounts = await listAccounts(path)
  const names = accounts.map(({ name }) => name).sort()
  assert.deepEqual(
    names,
    ['a', 'b', 'c'].flatMap((prefix) => Array.from({ length: 10 }, (_, i) => `${prefix}${i}`)),
  )
  assert.deepEqual(await readdir(folder.path), ['htpasswd'])
})
