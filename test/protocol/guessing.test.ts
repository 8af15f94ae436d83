import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { parseAccountName } from '../../src/access/account-name.ts'
import { addAccount } from '../../src/access/accounts.ts'
import { Guesses } from '../../src/access/guesses.ts'
import { openHtpasswd } from '../../src/access/htpasswd.ts'
import { parseCost, parseNewPassword } from '../../src/access/passwords.ts'
import { trustProxies } from '../../src/http/client-source.ts'
import type { HttpSettings } from '../../src/http/settings.ts'
import { startRegistry } from '../support/registry.ts'

const HOME = '127.0.0.1'
const AWAY = '127.0.0.2'
const RIGHT = 'p4ssw0rd'

interface Asked {
  readonly password: string
  readonly from?: string
  readonly forwardedFor?: string
}

/** A registry with the account alice and three attempts, on a clock that stands still. */
async function startGuarded(settings: Partial<HttpSettings> = {}) {
  const folder = await mkdtempDisposable(join(tmpdir(), 'lacre-guessing-'))
  const path = join(folder.path, 'htpasswd')
  await addAccount(path, parseAccountName('alice'), parseNewPassword(RIGHT), parseCost('4'))
  const state = { now: 0 }
  const guesses = new Guesses({ attempts: 3, lockMs: 60_000, clock: () => state.now })
  const authenticator = await openHtpasswd({ path, realm: 'test', guesses })
  const registry = await startRegistry({ authenticator, settings })
  const port = Number(registry.server.addresses[0]?.split(':').at(-1))
  return {
    state,
    ask: (asked: Asked) => ask(port, asked),
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]()
      await authenticator[Symbol.asyncDispose]()
      await folder.remove()
    },
  }
}

async function ask(port: number, { password, from = HOME, forwardedFor }: Asked) {
  const headers = {
    authorization: `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`,
    ...(forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }),
  }
  const asked = request({ host: '127.0.0.1', port, path: '/v2/', localAddress: from, headers, agent: false })
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  asked.on('response', resolve).on('error', reject).end()
  const response = await promise
  return { status: response.statusCode, retryAfter: response.headers['retry-after'], body: await text(response) }
}

test('after three wrong passwords the next is 429 with Retry-After and a sentence, and a right one is let in later', async () => {
  await using registry = await startGuarded()
  for (const password of ['a', 'b', 'c']) assert.equal((await registry.ask({ password })).status, 401)
  const { status, retryAfter, body } = await registry.ask({ password: RIGHT })
  assert.deepEqual([status, retryAfter], [429, '1'])
  const { code, message, detail } = JSON.parse(body).errors[0]
  assert.deepEqual([code, message], ['TOOMANYREQUESTS', 'too many wrong passwords: try again in 1 s'])
  assert.match(detail.hint, /try again in 1 second$/)

  registry.state.now += 1000
  assert.equal((await registry.ask({ password: RIGHT })).status, 200)
})

test('who guesses from another address is locked out, the user at a known one is not', async () => {
  await using registry = await startGuarded()
  assert.equal((await registry.ask({ password: RIGHT })).status, 200)
  for (const password of ['a', 'b', 'c']) assert.equal((await registry.ask({ password, from: AWAY })).status, 401)
  for (const password of ['d', RIGHT]) assert.equal((await registry.ask({ password, from: AWAY })).status, 429)
  assert.equal((await registry.ask({ password: RIGHT })).status, 200)
})

test('a hundred connections that guess at once have three answers', async () => {
  await using registry = await startGuarded()
  const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => registry.ask({ password: `guess ${index}` })))
  assert.equal(answers.filter(({ status }) => status === 401).length, 3)
  assert.equal(answers.filter(({ status }) => status === 429).length, 97)
})

test('one wrong password that a client repeats is 401 each time', async () => {
  await using registry = await startGuarded()
  for (let time = 0; time < 20; time++) assert.equal((await registry.ask({ password: 'stale' })).status, 401)
  assert.equal((await registry.ask({ password: RIGHT })).status, 200)
})

test('X-Forwarded-For is a client like any other unless the proxy is trusted', async () => {
  const guesses = ['a', 'b', 'c'].map((password, index) => ({ password, forwardedFor: `198.51.100.${index}` }))
  await using plain = await startGuarded()
  for (const guess of guesses) assert.equal((await plain.ask(guess)).status, 401)
  assert.equal((await plain.ask({ password: 'd', forwardedFor: '198.51.100.9' })).status, 429)

  await using trusting = await startGuarded({ trustedProxies: trustProxies(['127.0.0.0/8']) })
  assert.equal((await trusting.ask({ password: RIGHT, forwardedFor: '198.51.100.1' })).status, 200)
  for (const { password } of guesses) assert.equal((await trusting.ask({ password, forwardedFor: '203.0.113.1' })).status, 401)
  assert.equal((await trusting.ask({ password: RIGHT, forwardedFor: '203.0.113.1' })).status, 429)
  assert.equal((await trusting.ask({ password: RIGHT, forwardedFor: '198.51.100.1' })).status, 200)
})
