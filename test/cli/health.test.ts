import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { CertificateFolder, type TestCertificate } from '../support/certificates.ts'
import { lacre, Workplace } from './support/lacre.ts'

/** Asks the server on `port` of whom nothing else is known. */
const healthOn = async (place: Workplace, port: number, environment: Readonly<Record<string, string>> = {}) =>
  lacre(['health', await place.configuration()], { environment: { ...environment, REGISTRY_HTTP_ADDR: `0.0.0.0:${port}` } })

const tlsVariables = ({ certificate, key }: TestCertificate) => ({ REGISTRY_HTTP_TLS_CERTIFICATE: certificate, REGISTRY_HTTP_TLS_KEY: key })

test('a server over plain HTTP says that it is ready', async () => {
  await using place = await Workplace.make()
  const server = await place.serve()
  assert.deepEqual(await healthOn(place, await server.listening), { status: 0, stdout: 'ready\n', stderr: '' })
})

test('a server over HTTPS says so, whatever its certificate', async () => {
  await using place = await Workplace.make()
  await using folder = await CertificateFolder.make()
  const variables = tlsVariables(await folder.issue('server', { names: ['registry.example'] }))
  const server = await place.start(['serve', await place.configuration()], variables)
  assert.deepEqual(await healthOn(place, await server.listening, variables), { status: 0, stdout: 'ready\n', stderr: '' })
})

for (const [minimum, mode] of [
  ['tls1.2', 'require-and-verify-client-cert'],
  ['tls1.3', 'require-and-verify-client-cert'],
  ['tls1.2', 'require-any-client-cert'],
  ['tls1.3', 'require-any-client-cert'],
] as const) {
  test(`a server that wants a client certificate is known to serve, from ${minimum} on, by ${mode}`, async () => {
    await using place = await Workplace.make()
    await using folder = await CertificateFolder.make()
    const authority = await folder.issue('authority', { profile: 'authority' })
    const variables = {
      ...tlsVariables(await folder.issue('server')),
      REGISTRY_HTTP_TLS_CLIENTCAS: `[${authority.certificate}]`,
      REGISTRY_HTTP_TLS_MINIMUMTLS: minimum,
      REGISTRY_HTTP_TLS_CLIENTAUTH: mode,
    }
    const server = await place.start(['serve', await place.configuration()], variables)
    const { status, stdout } = await healthOn(place, await server.listening, variables)
    assert.deepEqual([status, stdout], [0, 'serving: it asks for a client certificate\n'])
  })
}

test('a server on a socket file is asked there', async () => {
  await using place = await Workplace.make()
  const environment = { REGISTRY_HTTP_NET: 'unix', REGISTRY_HTTP_ADDR: join(place.folder, 'socket') }
  const starting = place.start(['serve', await place.configuration()], environment).catch(() => undefined) // it never names a port
  let status: number | null = 1
  for (let tries = 0; tries < 50 && status !== 0; tries++) status = (await lacre(['health', await place.configuration()], { environment })).status
  assert.equal(status, 0)
  await place[Symbol.asyncDispose]()
  await starting
})

test('nobody who listens, and somebody who is silent, are not ready', async () => {
  await using place = await Workplace.make()
  const silent = createServer().listen(0, '127.0.0.1')
  await new Promise((ready) => silent.once('listening', ready))
  const address = silent.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const unheard = await healthOn(place, port)
  silent.close()
  assert.deepEqual([unheard.status, unheard.stdout], [1, `no answer on 0.0.0.0:${port}: nothing within 8 seconds\n`])
  const { status, stdout } = await healthOn(place, 1)
  assert.equal(status, 1)
  assert.match(stdout, /^no answer on 0\.0\.0\.0:1: .*ECONNREFUSED/)
})
