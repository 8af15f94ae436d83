import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type ConnectionOptions, connect, createServer, type Server } from 'node:tls'
import { CertificateFolder } from '../../test/support/certificates.ts'
import { ChallengeAnswers } from '../pki/acme/challenge-answers.ts'
import { alpnOptions, endChallenges } from './challenge-handshake.ts'

const CHALLENGE = { type: 'tls-alpn-01', name: { kind: 'dns', value: 'registry.test' }, token: 't', keyAuthorization: 't.print' } as const
const ACME_IDENTIFIER = Buffer.from('06082b0601050507011f0101ff', 'hex') // RFC 8737, 3: 1.3.6.1.5.5.7.1.31, critical

/** A TLS server with a certificate for registry.test that answers the challenges of `answers`. */
class Stage {
  readonly answers = new ChallengeAnswers()
  readonly server: Server
  readonly #folder: CertificateFolder

  constructor(server: (answers: ChallengeAnswers) => Server, folder: CertificateFolder) {
    this.server = server(this.answers)
    this.#folder = folder
  }

  static async set(options: { requestCert?: boolean; rejectUnauthorized?: boolean } = {}): Promise<Stage> {
    const folder = await CertificateFolder.make()
    const { cert, keyText } = await folder.issue('server', { names: ['registry.test'] })
    const stage = new Stage((answers) => createServer({ cert, key: keyText, ...alpnOptions(answers), ...options }), folder)
    endChallenges(stage.server)
    stage.server.on('tlsClientError', () => undefined)
    stage.server.listen(0, '127.0.0.1')
    await once(stage.server, 'listening')
    return stage
  }

  /** The certificate that is shown, and the protocol; rejects when the handshake fails. */
  async shake(options: ConnectionOptions): Promise<{ certificate: X509Certificate; protocol: string | false | null }> {
    const { port } = this.server.address() as AddressInfo
    const socket = connect({ host: '127.0.0.1', port, servername: 'registry.test', rejectUnauthorized: false, ...options })
    await once(socket, 'secureConnect')
    const certificate = new X509Certificate(socket.getPeerX509Certificate()?.raw ?? '')
    const protocol = socket.alpnProtocol
    socket.on('error', () => undefined).destroy()
    return { certificate, protocol }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close()
    await this.#folder[Symbol.asyncDispose]()
  }
}

const isForChallenge = ({ raw }: X509Certificate): boolean => raw.includes(ACME_IDENTIFIER)

for (const [what, options] of [
  ['', {}],
  [', also where clients need a certificate', { requestCert: true, rejectUnauthorized: true }],
] as const) {
  test(`who asks for acme-tls/1 is shown the certificate of the challenge${what}`, async () => {
    await using stage = await Stage.set(options)
    const close = await stage.answers.open(CHALLENGE)
    const { certificate, protocol } = await stage.shake({ ALPNProtocols: ['acme-tls/1'] })
    assert.deepEqual([protocol, isForChallenge(certificate), certificate.subjectAltName], ['acme-tls/1', true, 'DNS:registry.test'])
    close()
    await assert.rejects(stage.shake({ ALPNProtocols: ['acme-tls/1'] }), /no application protocol/)
  })
}

for (const [what, options] of [
  ['HTTP', { ALPNProtocols: ['h2', 'http/1.1'] }],
  ['nothing', {}],
] as const) {
  test(`who asks for ${what} is shown the server's own certificate while a challenge is under way`, async () => {
    await using stage = await Stage.set()
    await stage.answers.open(CHALLENGE)
    const { certificate, protocol } = await stage.shake(options)
    assert.deepEqual([protocol, isForChallenge(certificate)], ['ALPNProtocols' in options ? 'http/1.1' : false, false])
  })
}

test('a challenge for another name is no business of ours', async () => {
  await using stage = await Stage.set()
  await stage.answers.open(CHALLENGE)
  await assert.rejects(stage.shake({ ALPNProtocols: ['acme-tls/1'], servername: 'other.test' }), /no application protocol/)
})
