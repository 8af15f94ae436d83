import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { CertificateFolder, type TestCertificate } from '../../test/support/certificates.ts'
import type { Problem } from '../pki/certificate-problems.ts'
import type { TlsSettings } from './tls.ts'
import { TlsFiles, type TlsFilesOptions } from './tls-files.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** A server on files that are watched only when the test says so. */
async function serve(settings: TlsSettings, options: TlsFilesOptions = {}) {
  const problems: Problem[] = []
  const changes: string[] = []
  const files = new TlsFiles(settings, {
    pollMs: DAY_MS,
    onProblem: (problem) => problems.push(problem),
    onChange: ({ leaf }) => changes.push(leaf.fingerprint256),
    ...options,
  })
  await files.open()
  const server = createServer(files.current().options, (_request, response) => response.end('ok'))
  files.attach(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    files,
    problems,
    changes,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      await files[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Fingerprint of the certificate seen, on a connection of its own unless the agent keeps one. */
async function seenBy(port: number, agent: Agent | false = false, client?: TestCertificate): Promise<string> {
  const credentials = client ? { cert: client.cert, key: client.keyText } : {}
  const asked = request({ port, agent, host: '127.0.0.1', rejectUnauthorized: false, ...credentials })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const seen = (response.socket as TLSSocket).getPeerCertificate().fingerprint256
  response.resume()
  await once(response, 'end')
  return seen
}

function fingerprint(certificate: TestCertificate): string {
  return new X509Certificate(certificate.cert).fingerprint256
}

test('new connections get the new certificate while an open one lives on', async () => {
  await using folder = await CertificateFolder.make()
  const old = await folder.issue('server')
  await using serving = await serve(old)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  assert.equal(await seenBy(serving.port, agent), fingerprint(old))

  const renewed = await folder.issue('server')
  await serving.files.look()
  assert.equal(await seenBy(serving.port), fingerprint(renewed))
  assert.equal(await seenBy(serving.port, agent), fingerprint(old), 'the kept connection was not dropped')
  assert.deepEqual(serving.changes, [fingerprint(renewed)])
  assert.deepEqual(serving.problems, [])
  agent.destroy()
})

test('the timer looks by itself', async () => {
  await using folder = await CertificateFolder.make()
  const old = await folder.issue('server')
  const { promise, resolve } = Promise.withResolvers<string>()
  await using serving = await serve(old, { pollMs: 5, onChange: ({ leaf }) => resolve(leaf.fingerprint256) })
  const alive = setInterval(() => {}, DAY_MS) // @NOTE the timer under test does not keep the process alive
  const renewed = await folder.issue('server')
  assert.equal(await promise, fingerprint(renewed))
  assert.equal(await seenBy(serving.port), fingerprint(renewed))
  clearInterval(alive)
})

test('an exchanged folder behind a link, as Kubernetes does it, is seen', async () => {
  await using folder = await CertificateFolder.make()
  await using first = await CertificateFolder.make()
  await using second = await CertificateFolder.make()
  const [old, renewed] = [await first.issue('tls'), await second.issue('tls')]
  await symlink(first.path, join(folder.path, '..data'))
  for (const name of ['tls.crt', 'tls.key']) await symlink(join('..data', name), join(folder.path, name))
  await using serving = await serve({ certificate: join(folder.path, 'tls.crt'), key: join(folder.path, 'tls.key') })
  assert.equal(await seenBy(serving.port), fingerprint(old))

  await symlink(second.path, join(folder.path, '..data_tmp'))
  await rename(join(folder.path, '..data_tmp'), join(folder.path, '..data'))
  await serving.files.look()
  assert.equal(await seenBy(serving.port), fingerprint(renewed))
})

for (const [what, spoil, message] of [
  ['a broken certificate', (server: TestCertificate) => writeFile(server.certificate, 'rubbish'), /holds no certificate/],
  ['a missing key', (server: TestCertificate) => rm(server.key), /cannot read the private key/],
  ['a key of another certificate', (server: TestCertificate, other: TestCertificate) => writeFile(server.key, other.keyText), /does not match/],
] as const) {
  test(`${what} keeps the old certificate and is told once, also to health, until it is mended`, async () => {
    await using folder = await CertificateFolder.make()
    const [server, other] = [await folder.issue('server'), await folder.issue('other')]
    await using serving = await serve(server)
    await spoil(server, other)
    for (let looks = 0; looks < 4; looks++) await serving.files.look()
    assert.equal(await seenBy(serving.port), fingerprint(server))
    assert.equal(serving.problems.length, 1)
    assert.match(serving.problems[0]?.sentence ?? '', message)
    assert.deepEqual(serving.files.problems(), serving.problems)

    await folder.write('server', server.cert, server.keyText)
    await serving.files.look()
    assert.deepEqual(serving.files.problems(), [])
  })
}

test('a certificate that is replaced before its key is told to nobody', async () => {
  await using folder = await CertificateFolder.make()
  const [server, renewed] = [await folder.issue('server'), await folder.issue('renewed')]
  await using serving = await serve(server)
  await writeFile(server.certificate, renewed.cert)
  await serving.files.look()
  assert.equal(await seenBy(serving.port), fingerprint(server))
  await writeFile(server.key, renewed.keyText)
  await serving.files.look()
  assert.equal(await seenBy(serving.port), fingerprint(renewed))
  assert.deepEqual(serving.problems, [])
})

test('two different breakages are two problems', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  await using serving = await serve(server)
  for (const rubbish of ['rubbish', 'other rubbish']) {
    await writeFile(server.certificate, rubbish)
    await serving.files.look()
    await serving.files.look()
  }
  assert.equal(serving.problems.length, 2)
})

test('changed client CAs count for new connections', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  const [first, second] = [await folder.issue('ca-1', { profile: 'authority', names: [] }), await folder.issue('ca-2', { profile: 'authority', names: [] })]
  const client = await folder.issue('client', { profile: 'client', names: [], issuer: second })
  const clientcas = [join(folder.path, 'clients.pem')]
  await writeFile(clientcas[0] ?? '', first.cert)
  await using serving = await serve({ ...server, clientcas })
  await assert.rejects(seenBy(serving.port, false, client))

  await writeFile(clientcas[0] ?? '', first.cert + second.cert)
  await serving.files.look()
  assert.equal(await seenBy(serving.port, false, client), fingerprint(server))
})

test('a client whose CA was removed cannot go on with its old session', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  const [gone, kept] = [await folder.issue('gone', { profile: 'authority', names: [] }), await folder.issue('kept', { profile: 'authority', names: [] })]
  const { cert, keyText: key } = await folder.issue('client', { profile: 'client', names: [], issuer: gone })
  const clientcas = join(folder.path, 'clients.pem')
  await writeFile(clientcas, gone.cert + kept.cert)
  await using serving = await serve({ ...server, clientcas: [clientcas] })
  const first = connect({ port: serving.port, host: '127.0.0.1', ca: server.cert, cert, key })
  const [session] = (await once(first, 'session')) as [Buffer]
  first.destroy()

  await writeFile(clientcas, kept.cert)
  await serving.files.look()
  const second = connect({ port: serving.port, host: '127.0.0.1', ca: server.cert, session, cert, key })
  second.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal(await text(second).catch(() => ''), '')
})

test('an end within 14 days is told once a day, and to health', async () => {
  await using folder = await CertificateFolder.make()
  const start = Date.UTC(2030, 0, 1)
  let now = start
  const server = await folder.issue('server', { notBefore: new Date(start), notAfter: new Date(start + 60 * DAY_MS) })
  await using serving = await serve(server, { now: () => now })
  const told: number[] = []
  for (const days of [45, 46.5, 46.6, 47.5, 61, 62]) {
    now = start + days * DAY_MS
    await serving.files.look()
    told.push(serving.problems.length)
  }
  assert.deepEqual(told, [0, 1, 1, 2, 3, 3])
  assert.deepEqual(
    serving.problems.map(({ id }) => id),
    ['expires-soon', 'expires-soon', 'expired'],
  )
  assert.deepEqual(
    serving.files.problems().map(({ id }) => id),
    ['expired'],
  )
})

test('what is wrong at the start is in the material, and is not told again', async () => {
  await using folder = await CertificateFolder.make()
  await using serving = await serve(await folder.issue('server', { names: [] }))
  await serving.files.look()
  assert.deepEqual(
    serving.files.current().problems.map(({ id }) => id),
    ['no-san'],
  )
  assert.deepEqual(serving.problems, [])
})

test('files that cannot be served refuse to open', async () => {
  await using folder = await CertificateFolder.make()
  const [server, other] = [await folder.issue('server'), await folder.issue('other')]
  await assert.rejects(new TlsFiles({ certificate: server.certificate, key: other.key }).open(), { message: /does not match/ })
})
