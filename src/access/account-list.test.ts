import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashSync } from '@node-rs/bcrypt'
import { AccountList, findUnusableEntries } from './account-list.ts'
import { type BcryptHash, costOf } from './bcrypt-hash.ts'
import { Guesses } from './guesses.ts'
import { type HtpasswdFile, parseHtpasswd } from './htpasswd-file.ts'
import { type PasswordVerifier, PasswordWorkers } from './password-workers.ts'

const alice = hashSync('wonderland', 4)
const bob = hashSync('builder', 5)
const file = parseHtpasswd(Buffer.from(`alice:${alice}\nbob:${bob}\nold:$apr1$f7w7RcM7$4vcD9cDTfeaV8dWO./dhm.\n`))
const SUCCESS = { kind: 'account', name: 'alice' }

/** Real workers that write down what they are asked to compare. */
class RecordingVerifier implements PasswordVerifier {
  readonly compared: BcryptHash[] = []
  readonly #workers = new PasswordWorkers({ size: 2 })

  verify(password: string, hash: BcryptHash): Promise<boolean> {
    this.compared.push(hash)
    return this.#workers.verify(password, hash)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#workers[Symbol.asyncDispose]()
  }
}

const withoutEnd = () => new Guesses({ attempts: Number.POSITIVE_INFINITY, lockMs: 0 })

function listOf(file: HtpasswdFile, verifier: PasswordVerifier, clock: () => number): AccountList {
  return new AccountList(file, { verifier, guesses: withoutEnd(), clock })
}

test('a right password is an account, a wrong one nobody', async () => {
  await using verifier = new RecordingVerifier()
  const accounts = listOf(file, verifier, () => 0)
  assert.deepEqual(await accounts.authenticate({ username: 'alice', password: 'wonderland' }), SUCCESS)
  assert.equal(await accounts.authenticate({ username: 'alice', password: 'Wonderland' }), undefined)
  assert.equal(await accounts.authenticate({ username: 'alice', password: 'builder' }), undefined)
  assert.equal(await accounts.authenticate({ username: 'Alice', password: 'wonderland' }), undefined)
})

for (const [username, password, why] of [
  ['nobody', 'x', 'a name that does not exist'],
  ['nobody', 'nobody', 'a name that does not exist, with the password of the stand-in'],
  ['old', 'p', 'an entry that is not bcrypt'],
  ['', '', 'an empty name'],
  ['alice', 'wonderland\0wonderland', 'a password with a NUL, which bcrypt takes for its first part'],
] as const) {
  test(`${why} costs one compare at the highest cost of the file, and is wrong`, async () => {
    await using verifier = new RecordingVerifier()
    const accounts = listOf(file, verifier, () => 0)
    assert.equal(await accounts.authenticate({ username, password }), undefined)
    assert.deepEqual(verifier.compared.map(costOf), [5])
  })
}

test('in a file without a usable entry a compare costs as much as a new password would', async () => {
  await using verifier = new RecordingVerifier()
  const accounts = listOf(parseHtpasswd(Buffer.from('old:{SHA}x\n')), verifier, () => 0)
  assert.equal(await accounts.authenticate({ username: 'old', password: 'x' }), undefined)
  assert.deepEqual(verifier.compared.map(costOf), [10])
})

test('a password is not compared again for five minutes, right or wrong', async () => {
  await using verifier = new RecordingVerifier()
  let now = 1_000_000
  const accounts = listOf(file, verifier, () => now)
  const right = { username: 'alice', password: 'wonderland' }
  const wrong = { username: 'alice', password: 'mirror' }
  for (let round = 0; round < 3; round++) assert.deepEqual(await accounts.authenticate(right), SUCCESS)
  assert.equal(verifier.compared.length, 1)

  now += 5 * 60_000 - 1
  assert.deepEqual(await accounts.authenticate(right), SUCCESS)
  assert.equal(verifier.compared.length, 1)

  now += 2
  assert.deepEqual(await accounts.authenticate(right), SUCCESS)
  assert.equal(verifier.compared.length, 2)

  for (let round = 0; round < 3; round++) assert.equal(await accounts.authenticate(wrong), undefined)
  assert.equal(verifier.compared.length, 3)

  now += 5 * 60_000 + 1
  assert.equal(await accounts.authenticate(wrong), undefined)
  assert.equal(verifier.compared.length, 4)
})

test('a remembered password counts for its own name only', async () => {
  await using verifier = new RecordingVerifier()
  const accounts = listOf(file, verifier, () => 0)
  assert.deepEqual(await accounts.authenticate({ username: 'alice', password: 'wonderland' }), SUCCESS)
  assert.equal(await accounts.authenticate({ username: 'bob', password: 'wonderland' }), undefined)
  assert.equal(verifier.compared.length, 2)
})

test('a hundred concurrent checks of the same credentials are one compare, right, wrong or unknown', async () => {
  await using verifier = new RecordingVerifier()
  const accounts = listOf(file, verifier, () => 0)
  const ask = (username: string, password: string) => Promise.all(Array.from({ length: 100 }, () => accounts.authenticate({ username, password })))
  const [right, wrong, unknown] = await Promise.all([ask('alice', 'wonderland'), ask('alice', 'mirror'), ask('nobody', 'x')])
  assert.deepEqual(new Set(right.map((principal) => principal?.kind)), new Set(['account']))
  assert.deepEqual(new Set([...wrong, ...unknown]), new Set([undefined]))
  assert.equal(verifier.compared.length, 3)
})

test('a compare that failed is tried again by the next', async () => {
  await using workers = new PasswordWorkers({ size: 1, queueLimit: 0 })
  const accounts = listOf(file, workers, () => 0)
  const first = accounts.authenticate({ username: 'bob', password: 'builder' })
  await assert.rejects(accounts.authenticate({ username: 'alice', password: 'wonderland' }), { code: 'TOOMANYREQUESTS' })
  await first
  assert.deepEqual(await accounts.authenticate({ username: 'alice', password: 'wonderland' }), SUCCESS)
})

test('what follows 72 bytes does not count, as in Apache and Distribution', async () => {
  await using verifier = new RecordingVerifier()
  const long = 'a'.repeat(72)
  const accounts = listOf(parseHtpasswd(Buffer.from(`alice:${hashSync(`${long}bcd`, 4)}\n`)), verifier, () => 0)
  assert.deepEqual(await accounts.authenticate({ username: 'alice', password: `${long}bcd` }), SUCCESS)
  assert.deepEqual(await accounts.authenticate({ username: 'alice', password: long }), SUCCESS)
  assert.equal(await accounts.authenticate({ username: 'alice', password: long.slice(1) }), undefined)
})

test('of two lines of one name the last counts, as in Distribution', async () => {
  await using verifier = new RecordingVerifier()
  const accounts = listOf(parseHtpasswd(Buffer.from(`alice:${bob}\nalice:${alice}\n`)), verifier, () => 0)
  assert.deepEqual(await accounts.authenticate({ username: 'alice', password: 'wonderland' }), SUCCESS)
  assert.equal(await accounts.authenticate({ username: 'alice', password: 'builder' }), undefined)
})

test('entries that cannot log in are named, five at most', () => {
  const lines = ['alice:x', 'bob:y', 'carol:z', 'dave:', 'erin:{SHA}', 'frank:p', 'frank:p']
  const [foreign, repeated, ...others] = findUnusableEntries(parseHtpasswd(Buffer.from(lines.join('\n'))))
  assert.match(foreign ?? '', /"alice", "bob", "carol", "dave", "erin" and 1 more/)
  assert.match(repeated ?? '', /"frank"/)
  assert.deepEqual(others, [])
  assert.deepEqual(findUnusableEntries(parseHtpasswd(Buffer.from(`alice:${alice}`))), [])
})

test('a hash in the place of the name is not told', () => {
  const problems = findUnusableEntries(parseHtpasswd(Buffer.from(`${alice}:alice\nbob:{SHA}x`)))
  assert.equal(problems.length, 1)
  assert.match(problems[0] ?? '', /: one whose name looks like a hash, "bob";/)
})
