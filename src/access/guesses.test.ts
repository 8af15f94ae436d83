import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AccountList } from './account-list.ts'
import { type BcryptHash, costOf, hashOfNobody } from './bcrypt-hash.ts'
import { Guesses, type GuessesOptions } from './guesses.ts'
import { parseHtpasswd } from './htpasswd-file.ts'
import type { PasswordVerifier } from './password-workers.ts'

const HOME = '192.0.2.1'
const AWAY = '192.0.2.2'
const LOCK_MS = 60_000
const file = parseHtpasswd(Buffer.from(`alice:${hashOfNobody(4)}\nbob:${hashOfNobody(6)}\n`))
type Hold = Parameters<NonNullable<GuessesOptions['onHold']>>[0]

const TOO_MANY = { code: 'TOOMANYREQUESTS', status: 429 }

/** Takes `right` for everybody's password, at the next turn of the event loop. */
class TurningVerifier implements PasswordVerifier {
  readonly compared: { password: string; cost: number; isUrgent: boolean }[] = []
  running = 0
  most = 0

  async verify(password: string, hash: BcryptHash, { isUrgent } = { isUrgent: false }): Promise<boolean> {
    this.compared.push({ password, cost: costOf(hash), isUrgent })
    this.most = Math.max(this.most, ++this.running)
    await new Promise(setImmediate)
    this.running -= 1
    return password === 'right'
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Accounts whose clock stands still until it is moved. */
function openAccounts(attempts = 3) {
  const state = { now: 1_000_000, holds: [] as Hold[] }
  const clock = () => state.now
  const guesses = new Guesses({ attempts, lockMs: LOCK_MS, clock, onHold: (hold) => state.holds.push(hold) })
  const verifier = new TurningVerifier()
  const accounts = new AccountList(file, { verifier, guesses, clock })
  let count = 0
  const ask = (username: string, password: string, source = AWAY) => accounts.authenticate({ username, password }, source)
  const guess = (username = 'alice', source = AWAY) => ask(username, `wrong ${count++}`, source)
  const guessTimes = async (times: number, username = 'alice', source = AWAY) => {
    for (let time = 0; time < times; time++) assert.equal(await guess(username, source), undefined)
  }
  return { state, verifier, ask, guess, guessTimes }
}

test('who is wrong three times and then right gets in', async () => {
  const { ask, guessTimes } = openAccounts(4)
  await guessTimes(3)
  assert.ok(await ask('alice', 'right'))
})

test('a wait begins at a second, doubles with each wrong password, and ends at the lock', async () => {
  const { state, guess, guessTimes, verifier } = openAccounts()
  await guessTimes(3)
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
    await assert.rejects(guess(), { ...TOO_MANY, headers: { 'Retry-After': String(seconds) }, message: `too many wrong passwords: try again in ${seconds} s` })
    state.now += seconds * 1000 - 1
    await assert.rejects(guess(), { ...TOO_MANY, headers: { 'Retry-After': '1' } })
    state.now += 1
    await guessTimes(1)
  }
  assert.equal(verifier.compared.length, 11)
})

test('what has been quiet for four locks is forgotten', async () => {
  const { state, guessTimes, guess } = openAccounts()
  await guessTimes(3)
  state.now += 4 * LOCK_MS
  await guessTimes(3)
  await assert.rejects(guess(), TOO_MANY)
})

test('an address waits whatever names it tries, others do not', async () => {
  const { guess, guessTimes, ask } = openAccounts()
  for (const name of ['alice', 'bob', 'nobody']) await guessTimes(1, name)
  await assert.rejects(guess('carol'), TOO_MANY)
  await assert.rejects(ask('bob', 'right'), TOO_MANY)
  assert.ok(await ask('bob', 'right', HOME))
})

for (const name of ['alice', 'nobody']) {
  test(`${name} waits whatever address the guesses come from: being there makes no difference`, async () => {
    const { ask, guessTimes, state } = openAccounts()
    for (const last of [3, 4, 5]) await guessTimes(1, name, `192.0.2.${last}`)
    await assert.rejects(ask(name, 'right', '192.0.2.6'), TOO_MANY)
    assert.ok(await ask('bob', 'right', '192.0.2.6'))
    assert.deepEqual(
      state.holds.map(({ counted, source, failures, waitMs }) => [counted, source, failures, waitMs]),
      [['account', '192.0.2.5', 3, 1000]],
    )
  })
}

test('a user is let in at an address they know, remembered or compared, while the account and the address wait', async () => {
  const { ask, guess, guessTimes, state, verifier } = openAccounts()
  assert.ok(await ask('alice', 'right', HOME))
  await guessTimes(3, 'alice', AWAY)
  await guessTimes(3, 'bob', HOME)
  await assert.rejects(guess('alice', AWAY), TOO_MANY)
  await assert.rejects(guess('bob', HOME), TOO_MANY)

  const compared = verifier.compared.length
  assert.ok(await ask('alice', 'right', HOME))
  assert.equal(verifier.compared.length, compared)

  state.now += 5 * 60_000 + 1
  await guessTimes(3, 'alice', AWAY)
  assert.ok(await ask('alice', 'right', HOME))
  assert.deepEqual(verifier.compared.at(-1), { password: 'right', cost: 4, isUrgent: true })
})

test('who waits is not told by a remembered password that it is right', async () => {
  const { ask, guessTimes } = openAccounts()
  assert.ok(await ask('alice', 'right', HOME))
  await guessTimes(3)
  await assert.rejects(ask('alice', 'right', AWAY), TOO_MANY)
})

test('at an address that is known an account has five times as many, then waits too', async () => {
  const { ask, guessTimes } = openAccounts()
  assert.ok(await ask('alice', 'right', HOME))
  await guessTimes(15, 'alice', HOME)
  await assert.rejects(ask('alice', 'right', HOME), TOO_MANY)
  assert.ok(await ask('bob', 'right', HOME))
})

test('the same wrong password again is one guess and one compare, however often a client repeats it', async () => {
  const { ask, verifier } = openAccounts()
  for (let time = 0; time < 50; time++) assert.equal(await ask('alice', 'old'), undefined)
  assert.ok(await ask('alice', 'right'))
  assert.equal(verifier.compared.length, 2)
})

test('of a thousand wrong passwords at once no more are compared than are left', async () => {
  const { guess, verifier } = openAccounts()
  const outcomes = await Promise.allSettled(Array.from({ length: 1000 }, () => guess()))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3)
  assert.equal(verifier.compared.length, 3)
})

test('a remembered password among a thousand wrong ones at once is not told either', async () => {
  const { ask, guess } = openAccounts()
  assert.ok(await ask('alice', 'right', HOME))
  const wrong = Array.from({ length: 100 }, () => guess().catch(() => undefined))
  const right = ask('alice', 'right', AWAY)
  await assert.rejects(right, TOO_MANY)
  assert.deepEqual(new Set(await Promise.all(wrong)), new Set([undefined]))
})

test('right passwords of many accounts at one new address all get in, a few at a time', async () => {
  const names = Array.from({ length: 100 }, (_, index) => `user-${index}`)
  const many = parseHtpasswd(Buffer.from(names.map((name) => `${name}:${hashOfNobody(4)}`).join('\n')))
  const verifier = new TurningVerifier()
  const accounts = new AccountList(many, { verifier, guesses: new Guesses({ attempts: 3, lockMs: LOCK_MS, clock: () => 0 }), clock: () => 0 })
  const found = await Promise.all(names.map((username) => accounts.authenticate({ username, password: 'right' }, HOME)))
  assert.ok(found.every((principal) => principal?.kind === 'account'))
  assert.equal(verifier.most, 3)
})

test('a name that does not exist costs exactly one compare, at the highest cost of the file', async () => {
  const { guess, verifier } = openAccounts()
  await guess('nobody')
  assert.deepEqual(
    verifier.compared.map(({ cost }) => cost),
    [6],
  )
})

test('a compare that could not be done is no wrong password', async () => {
  const guesses = new Guesses({ attempts: 1, lockMs: LOCK_MS, clock: () => 0 })
  const guess = { source: AWAY, username: 'alice' }
  for (let time = 0; time < 3; time++)
    await assert.rejects(
      guesses.attempt(guess, () => Promise.reject(new Error('no thread'))),
      { message: 'no thread' },
    )
  assert.equal(await guesses.attempt(guess, async () => true), true)
})

test('without an address only the account is counted', async () => {
  const { ask, guess, guessTimes } = openAccounts()
  await guessTimes(3, 'nobody', '')
  await assert.rejects(guess('nobody', ''), TOO_MANY)
  assert.ok(await ask('alice', 'right', ''))
})

test('an address is news once a minute, each wait is told', async () => {
  const { state, guessTimes } = openAccounts()
  await guessTimes(3)
  for (const seconds of [1, 2, 4, 60, 16]) {
    state.now += seconds * 1000
    await guessTimes(1)
  }
  const bySource = state.holds.filter(({ counted }) => counted === 'source').map(({ isNews }) => isNews)
  assert.deepEqual(bySource, [true, false, false, false, true, false])
})

test('however many addresses and names are tried, 10,000 of each are remembered', async () => {
  const guesses = new Guesses({ attempts: 1, lockMs: LOCK_MS, clock: () => 0 })
  const wrong = (index: number) => guesses.attempt({ source: `source ${index}`, username: `${'n'.repeat(8000)}${index}` }, async () => false)
  await wrong(0)
  await assert.rejects(wrong(0), TOO_MANY)
  for (let index = 1; index <= 10_000; index++) await wrong(index)
  await wrong(0)
  await assert.rejects(wrong(10_000), TOO_MANY)
})
