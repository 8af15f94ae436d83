import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, lstat, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { lacre, type Server, Workplace } from './support/lacre.ts'

/** Runs a command that must succeed. */
async function ok(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await lacre(args)
  assert.equal(status, 0, stderr)
  return stdout
}

/** A CA in `pki` with a certificate for a server and one for alice, who has it in `alice`. */
async function issueAll(pki: string): Promise<void> {
  await ok('ca', 'init', '--pki', pki, '--no-passphrase')
  await ok('cert', 'issue', 'server', 'registry.test', '--pki', pki, '--out', join(pki, 'shown'))
  await ok('cert', 'issue', 'client', 'alice', '--pki', pki, '--out', join(pki, 'alice'), '--names', 'docker')
}

function serve(place: Workplace, configuration: string, pki: string): Promise<Server> {
  return place.start(['serve', configuration], {
    REGISTRY_HTTP_TLS_CERTIFICATE: join(pki, 'shown/server.crt'),
    REGISTRY_HTTP_TLS_KEY: join(pki, 'shown/server.key'),
    REGISTRY_HTTP_TLS_CLIENTCAS: `[${join(pki, 'ca/ca.crt')}]`,
  })
}

/** Asks as alice does. */
async function asAlice(server: Server, pki: string, path = '/v2/', agent: Agent | false = false) {
  const files = ['ca/ca.crt', 'alice/client-cert.pem', 'alice/client-key.pem']
  const [ca, cert, key] = await Promise.all(files.map((name) => readFile(join(pki, name))))
  const sent = request({ host: '127.0.0.1', servername: 'registry.test', port: await server.listening, path, ca, cert, key, agent }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: response.statusCode, body: await text(response), isReused: sent.reusedSocket }
}

for (const [where, folder] of [
  ['beside the data', 'data/lacre/state/pki'],
  ['in a folder of its own', 'pki'],
] as const) {
  test(`a client certificate of a CA ${where} is let in until "lacre cert revoke", also on a connection that is open`, async () => {
    await using place = await Workplace.make()
    const pki = join(place.folder, folder)
    await issueAll(pki)
    const server = await serve(place, await place.configuration(), pki)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    assert.equal((await asAlice(server, pki, '/v2/', agent)).status, 200)
    await ok('cert', 'revoke', 'alice', '--reason', 'keyCompromise', '--pki', pki)
    const { status, body, isReused } = await asAlice(server, pki, '/v2/', agent)
    agent.destroy()
    assert.deepEqual([status, isReused], [403, true])
    assert.match(body, /the client certificate .*alice.* is revoked/)
  })
}

test('who is revoked in the ledger stays out though the list is gone and the CA key is elsewhere, and health says so', async () => {
  await using place = await Workplace.make()
  const pki = join(place.data, 'lacre/state/pki')
  await issueAll(pki)
  await ok('cert', 'revoke', 'alice', '--pki', pki)
  for (const name of ['crl.pem', 'crl.der', 'ca/ca.key']) await rm(join(pki, name))
  const server = await serve(place, await place.configuration(), pki)
  assert.equal((await asAlice(server, pki)).status, 403)
  const told = JSON.parse(await ok('status', '--json', '--data', place.data)) as { warnings: readonly { sentence: string }[] }
  assert.ok(
    told.warnings.some(({ sentence }) => /crl\.pem.*turned away all the same/.test(sentence)),
    JSON.stringify(told),
  )
})

for (const [key, then] of [
  ['here', 'is made again'],
  ['elsewhere', 'gives way to the ledger'],
] as const) {
  test(`a damaged list of the own CA stops no start: where the CA key is ${key}, it ${then}`, async () => {
    await using place = await Workplace.make()
    const pki = join(place.data, 'lacre/state/pki')
    await issueAll(pki)
    await ok('cert', 'revoke', 'alice', '--pki', pki)
    const whole = await readFile(join(pki, 'crl.pem'), 'utf8')
    await writeFile(join(pki, 'crl.pem'), whole.slice(0, 200))
    if (key === 'elsewhere') await rm(join(pki, 'ca/ca.key'))
    const server = await serve(place, await place.configuration(), pki)
    assert.equal((await asAlice(server, pki)).status, 403)
    if (key === 'here') await server.says(/the revocation list is renewed/)
    assert.equal((await readFile(join(pki, 'crl.pem'), 'utf8')).includes('END X509 CRL'), key === 'here')
  })
}

test('a folder of an earlier lacre is only read by commands, and taken over by a server that names its old place', async () => {
  await using place = await Workplace.make()
  const former = join(place.data, 'lacre/state/tls')
  await issueAll(former)
  assert.match(await ok('cert', 'list', '--data', place.data), /alice/)
  await ok('ca', 'show', '--data', place.data)
  assert.deepEqual(await readdir(join(place.data, 'lacre/state')), ['tls'])
  const server = await serve(place, await place.configuration(), former)
  assert.equal((await asAlice(server, former)).status, 200)
  assert.equal((await lstat(join(place.data, 'lacre/state/pki'))).isDirectory(), true)
})

test('lacre up takes the client CA of a variable, and refuses one that contradicts it before it makes anything', async () => {
  await using place = await Workplace.make()
  const up = ['up', 'registry.test', '--yes', '--port', '0', '--data', place.data]
  const refused = await lacre(up, { environment: { REGISTRY_HTTP_ADDR: ':443', REGISTRY_AUTH_FILE: '/of/podman' } })
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /REGISTRY_HTTP_ADDR.*"lacre up" decides itself/)
  assert.equal(existsSync(place.data), false)
  const pki = join(place.folder, 'pki')
  await issueAll(pki)
  const clientCa = join(place.folder, 'clients.crt')
  await cp(join(pki, 'ca/ca.crt'), clientCa)
  const environment = { REGISTRY_HTTP_TLS_CLIENTCAS_0: clientCa, REGISTRY_HTTP_TLS_EXPLAIN: 'true' }
  const server = await place.start(up, environment)
  assert.doesNotMatch(server.output, /has no effect/)
  await cp(join(place.data, 'lacre/state/pki/ca/ca.crt'), join(pki, 'ca/ca.crt'))
  const { status, body } = await asAlice(server, pki)
  assert.equal(status, 401, 'she is asked for a password')
  assert.doesNotMatch(body, /client certificate/)
  const sent = request({ host: '127.0.0.1', port: await server.listening, path: '/v2/', rejectUnauthorized: false, agent: false }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  assert.match(await text(response), /asks for a client certificate/)
})
