import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parseAccountName } from '../../src/access/account-name.ts'
import { addAccount } from '../../src/access/accounts.ts'
import { parseNewPassword } from '../../src/access/passwords.ts'
import { type Clients, openClients } from './support/clients.ts'
import { freePort, plainConfiguration, type RunningServer, underTest } from './support/registry-server.ts'

// The defaults: ten wrong passwords.
const AWAY = '127.0.0.2'
const RIGHT = 'p4ssw0rd'
let folder: string
let clients: Clients
let server: RunningServer
let host: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-guessing-'))
  clients = await openClients(join(folder, 'clients'))
  const path = join(folder, 'htpasswd')
  await addAccount(path, parseAccountName('bob'), parseNewPassword(RIGHT))
  host = `127.0.0.1:${await freePort('127.0.0.1')}`
  const configuration = `${plainConfiguration(host, join(folder, 'data'))}auth: {htpasswd: {realm: test, path: ${path}}}\n`
  server = await underTest.start({ configuration, folder, endpoint: { url: `http://${host}` } })
})
after(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

const login = (password: string) => clients.skopeo('login', '--tls-verify=false', '--username', 'bob', '--password', password, host)

async function guessFrom(address: string, password: string) {
  const { stdout } = await clients.curl('--interface', address, '--user', `bob:${password}`, '--dump-header', '-', `http://${host}/v2/`)
  return stdout
}

test('who types a wrong password three times into skopeo, then the right one, is logged in', async () => {
  for (const password of ['one', 'two', 'three']) assert.notEqual((await login(password)).status, 0)
  const { status, stderr } = await login(RIGHT)
  assert.equal(status, 0, stderr)
})

test('who guesses from another address is locked out there, also with the right password, and the user goes on', async () => {
  for (let time = 0; time < 12; time++) await guessFrom(AWAY, `guess ${time}`)
  const answer = await guessFrom(AWAY, RIGHT)
  assert.match(answer, /^HTTP\/1.1 429/)
  assert.match(answer, /^Retry-After: \d+\r$/m)
  assert.match(answer, /too many wrong passwords: try again in \d+ s/)
  const { status, stderr } = await login(RIGHT)
  assert.equal(status, 0, stderr)
})
