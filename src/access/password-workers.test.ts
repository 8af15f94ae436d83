import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { verifySync } from '@node-rs/bcrypt'
import { type BcryptHash, costOf, findBcryptHash, hashOfNobody, nameAlgorithm } from './bcrypt-hash.ts'
import { PasswordWorkers } from './password-workers.ts'
import { parseCost, parseNewPassword } from './passwords.ts'

const HASH = '$2y$05$M/IbI44MSrDFj9bcuFRPt.6tiit1r0V1.KCy2tf4hAzNuznqR9cXG' as BcryptHash // written by Apache's htpasswd -Bbn user p4ssw0rd

test('a hash that Apache wrote matches its password and no other', async () => {
  await using workers = new PasswordWorkers()
  assert.equal(await workers.verify('p4ssw0rd', HASH), true)
  assert.equal(await workers.verify('P4ssw0rd', HASH), false)
})

test('a new hash is $2y$ of the cost asked for, and matches', async () => {
  await using workers = new PasswordWorkers({ size: 1 })
  const hash = await workers.hash(parseNewPassword('contraseña'), parseCost('4'))
  assert.match(hash, /^\$2y\$04\$/)
  assert.equal(await workers.verify('contraseña', hash), true)
})

test('the event loop turns while a password is compared', async () => {
  await using workers = new PasswordWorkers({ size: 1 })
  await workers.verify('', hashOfNobody(4)) // the thread is there
  let turns = 0
  let isDone = false
  const count = () => {
    turns += 1
    if (!isDone) setImmediate(count)
  }
  const comparing = workers.verify('p4ssw0rd', hashOfNobody(11))
  setImmediate(count)
  await comparing
  isDone = true
  assert.ok(turns > 100, `${turns} turns`)
})

test('beyond the queue a compare is refused with 429 and Retry-After, and those before it are answered', async () => {
  await using workers = new PasswordWorkers({ size: 1, queueLimit: 2 })
  const taken = [1, 2, 3].map(() => workers.verify('p4ssw0rd', HASH))
  await assert.rejects(workers.verify('p4ssw0rd', HASH), { code: 'TOOMANYREQUESTS', status: 429, headers: { 'Retry-After': '1' } })
  assert.deepEqual(await Promise.all(taken), [true, true, true])
  assert.equal(await workers.verify('p4ssw0rd', HASH), true)
})

test('an urgent compare goes before those that wait, and is taken where their queue is full', async () => {
  await using workers = new PasswordWorkers({ size: 1, queueLimit: 2 })
  const order: string[] = []
  const ask = (name: string, isUrgent: boolean) => workers.verify('p4ssw0rd', HASH, { isUrgent }).then(() => order.push(name))
  await Promise.all([ask('running', false), ask('first', false), ask('second', false), ask('urgent', true)])
  assert.deepEqual(order, ['running', 'urgent', 'first', 'second'])
})

test('more compares than threads are all answered, each with its own result', async () => {
  await using workers = new PasswordWorkers({ size: 2 })
  const passwords = Array.from({ length: 12 }, (_, index) => (index % 3 === 0 ? 'p4ssw0rd' : `wrong ${index}`))
  const results = await Promise.all(passwords.map((password) => workers.verify(password, HASH)))
  assert.deepEqual(
    results,
    passwords.map((password) => password === 'p4ssw0rd'),
  )
})

test('after disposal what waits is refused, and so is what comes', async () => {
  const workers = new PasswordWorkers({ size: 1 })
  const waiting = [workers.verify('a', HASH), workers.verify('b', HASH)].map((verifying) => assert.rejects(verifying, { code: 'UNAVAILABLE' }))
  await workers[Symbol.asyncDispose]()
  await Promise.all(waiting)
  await assert.rejects(workers.verify('a', HASH), { code: 'UNAVAILABLE' })
})

test('idle threads do not keep a process alive, busy ones do until they answered', async () => {
  const script = `
    const { PasswordWorkers } = await import(${JSON.stringify(new URL('./password-workers.ts', import.meta.url).href)})
    const workers = new PasswordWorkers({ size: 1 })
    const ask = () => workers.verify('p4ssw0rd', ${JSON.stringify(HASH)})
    ask().then(ask).then((matches) => console.log(matches))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 })
  assert.equal(stdout.trim(), 'true')
})

test('the hash for names that do not exist takes real work at every cost: it is well-formed and matches the password it was made of', () => {
  assert.equal(verifySync('nobody', hashOfNobody(5)), true)
  for (const cost of [4, 10, 31]) assert.equal(costOf(findBcryptHash(hashOfNobody(cost)) ?? assert.fail(`cost ${cost}`)), cost)
})

for (const [hash, algorithm] of [
  [HASH, 'bcrypt'],
  [HASH.replace('$2y$', '$2a$'), 'bcrypt'],
  [HASH.replace('$2y$', '$2b$'), 'bcrypt'],
  [HASH.replace('$2y$', '$2x$'), 'damaged bcrypt'],
  [HASH.replace('$05$', '$03$'), 'damaged bcrypt'],
  [HASH.replace('$05$', '$32$'), 'damaged bcrypt'],
  [`${HASH}x`, 'damaged bcrypt'],
  [HASH.slice(0, -1), 'damaged bcrypt'],
  ['$apr1$f7w7RcM7$4vcD9cDTfeaV8dWO./dhm.', 'MD5'],
  ['{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', 'SHA-1'],
  ['$5$rounds=5000$abc$def', 'SHA-256'],
  ['$6$abc$def', 'SHA-512'],
  ['EnWSvS2r4SzD6', 'crypt or plain text'],
  ['', 'crypt or plain text'],
] as const) {
  test(`nameAlgorithm calls "${hash.slice(0, 12)}…" (${hash.length} characters) ${algorithm}`, () => assert.equal(nameAlgorithm(hash), algorithm))
}
