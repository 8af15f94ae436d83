import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { lacre, type Server, Workplace } from './support/lacre.ts'

interface Asked {
  readonly status: number | undefined
  readonly body: string
}

/** Asks the server by the name it was set up for, trusting its authority alone. */
async function ask(server: Server, ca: string, path: string, login?: string): Promise<Asked> {
  const port = await server.listening
  const headers = login ? { Authorization: `Basic ${Buffer.from(login).toString('base64')}` } : {}
  const sent = request({ host: '127.0.0.1', servername: 'registry.test', port, path, ca: readFileSync(ca), headers, agent: false }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: response.statusCode, body: await text(response) }
}

test('lacre up sets up once: certificate, user and password, shown the first time only', async () => {
  await using place = await Workplace.make()
  const up = ['up', 'registry.test', '--yes', '--port', '0', '--data', place.data]
  const first = await place.start(up)
  const password = /password +(\S+)/.exec(first.output)?.[1] ?? ''
  const ca = /authority +(\S+)/.exec(first.output)?.[1] ?? ''
  assert.match(first.output, /lacre serves https:\/\/registry\.test:\d+\n/)
  assert.match(first.output, /SHA-256 +[0-9a-f]{64}\n/)
  assert.equal((await ask(first, ca, '/v2/')).status, 401)
  assert.equal((await ask(first, ca, '/v2/', `admin:${password}`)).status, 200)
  for (const path of ['lacre/state', 'lacre/state/htpasswd']) assert.equal(statSync(join(place.data, path)).mode & 0o077, 0, path)
  assert.equal(await first.end(), 0)

  const second = await place.start(up)
  assert.doesNotMatch(second.output, /password/)
  assert.equal((await ask(second, ca, '/v2/', `admin:${password}`)).status, 200)
  const listed = await lacre(['repo', 'list', '--server', `https://127.0.0.1:${await second.listening}`, '--user', 'admin', '--password-stdin', '--ca', ca], {
    input: `${password}\n`,
  })
  assert.deepEqual(listed, { status: 0, stdout: '', stderr: '' })
})

test('lacre up says once where the key of the CA is, and serves its revocation list to everybody', async () => {
  await using place = await Workplace.make()
  const up = ['up', 'registry.test', '--yes', '--port', '0', '--data', place.data]
  const first = await place.start(up)
  assert.match(first.output, /key of the authority stays here, online[\s\S]*lacre\/state\/pki\/ca\/ca\.key[\s\S]*take it offline/)
  const ca = /authority +(\S+)/.exec(first.output)?.[1] ?? ''
  assert.equal((await ask(first, ca, '/pki/ca.crt')).body, readFileSync(ca, 'utf8'))
  let list = await ask(first, ca, '/pki/crl.pem')
  while (list.status === 404) list = await ask(first, ca, '/pki/crl.pem') // it is made a moment after the start
  assert.match(list.body, /^-----BEGIN X509 CRL-----/)
  const password = /password +(\S+)/.exec(first.output)?.[1] ?? ''
  const { body } = await ask(first, ca, '/metrics', `admin:${password}`)
  for (const metric of ['registry_pki_ca_expiry_timestamp_seconds', 'registry_pki_crl_expiry_timestamp_seconds'])
    assert.match(body, new RegExp(`^${metric} [1-9]`, 'm'))
  await first.end()
  assert.doesNotMatch((await place.start(up)).output, /key of the authority/)
})

test('lists from afar say what is wrong: no password, another authority, nobody there', async () => {
  await using place = await Workplace.make()
  const server = await place.start(['up', 'registry.test', '--yes', '--port', '0', '--data', place.data])
  const url = `https://127.0.0.1:${await server.listening}`
  const ca = /authority +(\S+)/.exec(server.output)?.[1] ?? ''
  const cases = [
    [['--server', url, '--ca', ca], /wants a user and a password/],
    [['--server', url], /hint: .*--ca FILE/],
    [['--server', 'http://127.0.0.1:1'], /cannot reach http:\/\/127\.0\.0\.1:1/],
    [['--server', 'registry.test'], /no URL of a server/],
  ] as const
  for (const [args, sentence] of cases) {
    const done = await lacre(['repo', 'list', ...args])
    assert.deepEqual([args, done.status, done.stdout], [args, 1, ''])
    assert.match(done.stderr, sentence)
  }
})

test('lacre config show names each value with its source', async () => {
  await using place = await Workplace.make()
  const path = await place.configuration()
  const { status, stdout } = await lacre(['config', 'show', path], { environment: { REGISTRY_STORAGE_DELETE_ENABLED: 'false', REGISTRY_HTTP_SECRET: 'hush' } })
  assert.equal(status, 0)
  assert.match(stdout, /^http\.addr\b.*127\.0\.0\.1:0.*config\.yml/m)
  assert.match(stdout, /^storage\.delete\.enabled\b.*false.*REGISTRY_STORAGE_DELETE_ENABLED/m)
  assert.doesNotMatch(stdout, /hush/)
})
