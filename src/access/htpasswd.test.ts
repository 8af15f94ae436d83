import assert from 'node:assert/strict'
import { appendFile, chmod, mkdir, mkdtempDisposable, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hashSync } from '@node-rs/bcrypt'
import type { Authenticator } from './authenticate.ts'
import type { BcryptHash } from './bcrypt-hash.ts'
import { openHtpasswd } from './htpasswd.ts'
import { type PasswordVerifier, PasswordWorkers } from './password-workers.ts'

const ALICE = `alice:${hashSync('wonderland', 4)}\n`
const ALICE_CHANGED = `alice:${hashSync('mirror', 4)}\n`
const BOB = `bob:${hashSync('builder', 4)}\n`

/** A folder with a htpasswd file, an authenticator on it, and what it warned of. */
async function start(content: string | undefined) {
  const folder = await mkdtempDisposable(join(tmpdir(), 'lacre-htpasswd-'))
  const path = join(folder.path, 'auth', 'htpasswd')
  if (content !== undefined) await mkdir(join(folder.path, 'auth')).then(() => writeFile(path, content))
  const warnings: string[] = []
  const compared: BcryptHash[] = []
  const workers = new PasswordWorkers({ size: 2 })
  const verifier: PasswordVerifier = {
    verify: (password, hash) => {
      compared.push(hash)
      return workers.verify(password, hash)
    },
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  }
  const authenticator = await openHtpasswd({ path, realm: 'test', onWarning: (message) => warnings.push(message), verifier })
  const dispose = async () => {
    await authenticator[Symbol.asyncDispose]()
    await folder.remove()
  }
  return { folder: folder.path, path, authenticator, warnings, compared, [Symbol.asyncDispose]: dispose }
}

const isIn = async (authenticator: Authenticator, username: string, password: string) =>
  (await authenticator.authenticate({ username, password }))?.kind === 'account'

test('the file of a registry:2 lets its users in', async () => {
  const content = '# users\n\nuser:$2y$05$M/IbI44MSrDFj9bcuFRPt.6tiit1r0V1.KCy2tf4hAzNuznqR9cXG\n'
  await using registry = await start(content)
  assert.equal(registry.authenticator.realm, 'test')
  assert.deepEqual(await registry.authenticator.authenticate({ username: 'user', password: 'p4ssw0rd' }), { kind: 'account', name: 'user' })
  assert.equal(await registry.authenticator.authenticate({ username: 'user', password: 'password' }), undefined)
  assert.deepEqual(registry.warnings, [])
})

for (const [how, change] of [
  ['appended to', (path: string) => appendFile(path, BOB)],
  ['written anew', (path: string) => writeFile(path, ALICE + BOB)],
  ['replaced by a rename', (path: string) => writeFile(`${path}.new`, ALICE + BOB).then(() => rename(`${path}.new`, path))],
  ['removed and made again', (path: string) => rm(path).then(() => writeFile(path, ALICE + BOB))],
] as const) {
  test(`a file that is ${how} counts at once`, async () => {
    await using registry = await start(ALICE)
    assert.equal(await isIn(registry.authenticator, 'bob', 'builder'), false)
    await change(registry.path)
    assert.equal(await isIn(registry.authenticator, 'bob', 'builder'), true)
    assert.equal(await isIn(registry.authenticator, 'alice', 'wonderland'), true)
  })
}

test('a password that is changed in place counts at once, though size and inode stay and the change is in the same tick', async () => {
  await using registry = await start(ALICE)
  for (let round = 0; round < 10; round++) {
    await writeFile(registry.path, ALICE_CHANGED)
    assert.equal(await isIn(registry.authenticator, 'alice', 'wonderland'), false)
    assert.equal(await isIn(registry.authenticator, 'alice', 'mirror'), true)
    await writeFile(registry.path, ALICE)
    assert.equal(await isIn(registry.authenticator, 'alice', 'mirror'), false)
    assert.equal(await isIn(registry.authenticator, 'alice', 'wonderland'), true)
  }
})

test('a Kubernetes secret is followed when its symbolic links are swapped', async () => {
  await using registry = await start(ALICE)
  const mount = join(registry.folder, 'secret')
  for (const [version, content] of [
    ['v1', ALICE],
    ['v2', BOB],
  ] as const) {
    await mkdir(join(mount, version), { recursive: true })
    await writeFile(join(mount, version, 'htpasswd'), content)
  }
  await symlink('v1', join(mount, '..data'))
  await symlink('..data/htpasswd', join(mount, 'htpasswd'))
  await using authenticator = await openHtpasswd({ path: join(mount, 'htpasswd'), realm: 'test' })
  assert.equal(await isIn(authenticator, 'alice', 'wonderland'), true)

  await symlink('v2', join(mount, '..data_tmp'))
  await rename(join(mount, '..data_tmp'), join(mount, '..data'))
  assert.equal(await isIn(authenticator, 'alice', 'wonderland'), false)
  assert.equal(await isIn(authenticator, 'bob', 'builder'), true)
})

test('a verified password is remembered until the content changes; a touched file changes nothing', async () => {
  await using registry = await start(ALICE)
  const ask = () => isIn(registry.authenticator, 'alice', 'wonderland')
  for (let round = 0; round < 3; round++) assert.equal(await ask(), true)
  await utimes(registry.path, 1, 1)
  assert.equal(await ask(), true)
  assert.equal(registry.compared.length, 1)

  await appendFile(registry.path, BOB)
  assert.equal(await ask(), true)
  assert.equal(registry.compared.length, 2)
})

test('a file that breaks keeps the accounts as they were and is told of once, until it is mended', async () => {
  await using registry = await start(ALICE)
  await writeFile(registry.path, `${BOB}S3cret without a colon\n`)
  for (let round = 0; round < 3; round++) assert.equal(await isIn(registry.authenticator, 'alice', 'wonderland'), true)
  assert.equal(await isIn(registry.authenticator, 'bob', 'builder'), false)
  assert.equal(registry.warnings.length, 1)
  assert.match(registry.warnings[0] ?? '', /line 2 has no ":".*the 1 accounts? read before/)
  assert.doesNotMatch(registry.warnings[0] ?? '', /S3cret/)

  await writeFile(registry.path, BOB)
  assert.equal(await isIn(registry.authenticator, 'alice', 'wonderland'), false)
  assert.equal(await isIn(registry.authenticator, 'bob', 'builder'), true)
})

test('a file that vanishes keeps the accounts as they were and is told of once; it is not made again', async () => {
  await using registry = await start(ALICE)
  await rm(registry.path)
  for (let round = 0; round < 3; round++) assert.equal(await isIn(registry.authenticator, 'alice', 'wonderland'), true)
  assert.equal(registry.warnings.length, 1)
  assert.match(registry.warnings[0] ?? '', /ENOENT/)
  await assert.rejects(stat(registry.path), { code: 'ENOENT' })
})

test('a file that is broken at the start lets nobody in, and everybody once it is mended', async () => {
  await using registry = await start(`${ALICE}broken\n`)
  assert.match(registry.warnings.join('\n'), /line 2 .*nobody can log in/)
  assert.equal(await isIn(registry.authenticator, 'alice', 'wonderland'), false)
  await writeFile(registry.path, ALICE)
  assert.equal(await isIn(registry.authenticator, 'alice', 'wonderland'), true)
})

test('entries that are not bcrypt are loaded, warned of, and never match', async () => {
  await using registry = await start(`md5:$apr1$f7w7RcM7$4vcD9cDTfeaV8dWO./dhm.\nplain:secret\n${ALICE}`)
  assert.equal(await isIn(registry.authenticator, 'md5', 'p'), false)
  assert.equal(await isIn(registry.authenticator, 'plain', 'secret'), false)
  assert.equal(await isIn(registry.authenticator, 'alice', 'wonderland'), true)
  assert.equal(registry.warnings.length, 1)
  assert.match(registry.warnings[0] ?? '', /"md5", "plain"/)
})

test('a missing file is made (0600, its folder 0700) with user docker, whose password is told once', async () => {
  await using registry = await start(undefined)
  const [warning = '', ...others] = registry.warnings
  const password = /user=docker password=(\S+)$/.exec(warning)?.[1] ?? assert.fail(warning)
  assert.deepEqual(others, [])
  assert.equal((await stat(registry.path)).mode & 0o777, 0o600)
  assert.equal((await stat(join(registry.path, '..'))).mode & 0o777, 0o700)
  assert.equal(await isIn(registry.authenticator, 'docker', password), true)
  assert.doesNotMatch(await readFile(registry.path, 'utf8'), new RegExp(password))

  await using again = await openHtpasswd({ path: registry.path, realm: 'test', onWarning: (message) => assert.fail(message) })
  assert.equal(await isIn(again, 'docker', password), true)
})

test('a folder in the place of the file is refused at the start, with a hint', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lacre-htpasswd-'))
  await assert.rejects(openHtpasswd({ path: folder.path, realm: 'test' }), { code: 'FILE_UNUSABLE', hint: /htpasswd file/ })
})

test('a file that may not be read is refused at the start', { skip: process.getuid?.() === 0 && 'root may read everything' }, async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lacre-htpasswd-'))
  const path = join(folder.path, 'htpasswd')
  await writeFile(path, ALICE)
  await chmod(path, 0)
  await assert.rejects(openHtpasswd({ path, realm: 'test' }), { code: 'FILE_UNUSABLE' })
})
