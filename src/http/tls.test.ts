import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type RequestOptions, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type ConnectionOptions, connect } from 'node:tls'
import { CertificateFolder, type TestCertificate } from '../../test/support/certificates.ts'
import { enforceClientAuth, loadTls, type TlsMaterial, type TlsSettings } from './tls.ts'

async function listen({ options, ...material }: TlsMaterial) {
  let requests = 0
  const server = createServer(options, (_request, response) => {
    requests++
    response.end('ok')
  })
  enforceClientAuth(server, material)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** The status of one request on a connection of its own, or `refused`. */
async function ask(options: RequestOptions): Promise<number | 'refused'> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', agent: false, ...options }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.on('error', () => resolve('refused'))
    asked.end()
  })
}

interface Parties {
  readonly server: TestCertificate
  readonly authority: TestCertificate
  readonly clients: Readonly<Record<'none' | 'trusted' | 'stranger' | 'expired' | 'server', TestCertificate | undefined>>
}

async function makeParties(folder: CertificateFolder): Promise<Parties> {
  const authority = await folder.issue('client-ca', { profile: 'authority', names: [] })
  const stranger = await folder.issue('stranger-ca', { profile: 'authority', names: [] })
  const over = { notBefore: new Date(Date.now() - 2e9), notAfter: new Date(Date.now() - 1e9) }
  return {
    server: await folder.issue('server'),
    authority,
    clients: {
      none: undefined,
      trusted: await folder.issue('trusted', { profile: 'client', names: [], issuer: authority }),
      stranger: await folder.issue('stranger', { profile: 'client', names: [], issuer: stranger }),
      expired: await folder.issue('expired', { profile: 'client', names: [], issuer: authority, ...over }),
      server: await folder.issue('wrong-purpose', { profile: 'server', issuer: authority }),
    },
  }
}

const CLIENT_AUTH_TABLE = {
  'request-client-cert': { none: 200, trusted: 200, stranger: 200, expired: 200, server: 200 },
  'require-any-client-cert': { none: 'refused', trusted: 200, stranger: 200, expired: 200, server: 200 },
  'verify-client-cert-if-given': { none: 200, trusted: 200, stranger: 'refused', expired: 'refused', server: 'refused' },
  'require-and-verify-client-cert': { none: 'refused', trusted: 200, stranger: 'refused', expired: 'refused', server: 'refused' },
  '': { none: 'refused', trusted: 200, stranger: 'refused', expired: 'refused', server: 'refused' },
} as const

for (const [clientauth, expected] of Object.entries(CLIENT_AUTH_TABLE)) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`clientauth ${clientauth || '(none)'} with clientcas over ${version} takes whom Distribution takes`, async () => {
      await using folder = await CertificateFolder.make()
      const { server, authority, clients } = await makeParties(folder)
      await using listening = await listen(await loadTls({ ...server, clientauth, clientcas: [authority.certificate] }))
      const outcome: Record<string, number | 'refused'> = {}
      for (const [who, client] of Object.entries(clients)) {
        const credentials = client ? { cert: client.cert, key: client.keyText } : {}
        outcome[who] = await ask({ port: listening.port, ca: server.cert, maxVersion: version, ...credentials })
      }
      assert.deepEqual(outcome, expected)
      assert.equal(listening.requests(), Object.values(expected).filter((status) => status === 200).length)
    })
  }
}

test('without clientcas nobody is asked for a certificate', async () => {
  await using folder = await CertificateFolder.make()
  const { options, clientAuth } = await loadTls(await folder.issue('server'))
  assert.equal(clientAuth, 'no-client-cert')
  assert.equal(options.requestCert, false)
})

/** Version and cipher of one handshake, or the code of its failure. */
async function shake(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', ...options })
  try {
    await once(socket, 'secureConnect')
    return `${socket.getProtocol()} ${socket.getCipher().standardName}`
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  } finally {
    socket.destroy()
  }
}

for (const [what, settings, client, expected] of [
  ['TLS 1.3 by default', {}, {}, 'TLSv1.3 TLS_AES_128_GCM_SHA256'],
  ['TLS 1.2 for those who have no more', {}, { maxVersion: 'TLSv1.2' }, 'TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
  ['no TLS 1.1', {}, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
  ['no TLS 1.2 where the minimum is 1.3', { minimumtls: 'tls1.3' }, { maxVersion: 'TLSv1.2' }, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
  [
    'only the ciphers of the setting in TLS 1.2',
    { ciphersuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] },
    { maxVersion: 'TLSv1.2' },
    'TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  ],
  ['TLS 1.3 whatever the ciphers of the setting', { ciphersuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] }, {}, 'TLSv1.3 TLS_AES_128_GCM_SHA256'],
  ['unknown ciphers ignored where the minimum is 1.3', { minimumtls: 'tls1.3', ciphersuites: ['NONSENSE'] }, {}, 'TLSv1.3 TLS_AES_128_GCM_SHA256'],
  ['HTTP/1.1 for a client of HTTP/2 too', {}, { ALPNProtocols: ['h2', 'http/1.1'] }, 'TLSv1.3 TLS_AES_128_GCM_SHA256'],
] as const satisfies readonly [string, Partial<TlsSettings>, ConnectionOptions, string][]) {
  test(`the server offers ${what}`, async () => {
    await using folder = await CertificateFolder.make()
    const server = await folder.issue('server')
    await using listening = await listen(await loadTls({ ...server, ...settings }))
    const options: ConnectionOptions = 'ALPNProtocols' in client ? { ALPNProtocols: [...client.ALPNProtocols] } : client
    assert.equal(await shake(listening.port, { ca: server.cert, ...options }), expected)
  })
}

for (const [settings, message] of [
  [{ minimumtls: 'tls1.0' }, /minimumtls: tls1\.0 is not offered/],
  [{ minimumtls: 'tls1.1' }, /minimumtls: tls1\.1 is not offered/],
  [{ minimumtls: '1.2' }, /minimumtls: unknown TLS version "1\.2"/],
  [{ clientauth: 'no-client-cert' }, /clientauth: unknown mode/],
  [{ clientauth: 'require' }, /clientauth: unknown mode/],
  [{ ciphersuites: ['ECDHE-RSA-AES128-GCM-SHA256'] }, /unknown cipher suite/],
  [{ ciphersuites: ['constructor'] }, /unknown cipher suite/],
  [{ clientcas: ['/nowhere/ca.pem'] }, /cannot read the client CA file \/nowhere\/ca\.pem/],
] as const) {
  test(`settings ${JSON.stringify(settings)} are refused with a hint`, async () => {
    await using folder = await CertificateFolder.make()
    const server = await folder.issue('server')
    await assert.rejects(loadTls({ ...server, ...settings }), (error: Error & { hint?: string }) => message.test(error.message) && Boolean(error.hint))
  })
}

test('a clientcas file without a certificate is refused', async () => {
  await using folder = await CertificateFolder.make()
  const server = await folder.issue('server')
  await writeFile(`${folder.path}/empty.pem`, 'nothing')
  await assert.rejects(loadTls({ ...server, clientcas: [`${folder.path}/empty.pem`] }), { message: /holds no certificate/ })
})
