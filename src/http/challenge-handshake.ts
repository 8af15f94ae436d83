import { createSecureContext, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { ALPN_PROTOCOL, type ChallengeAnswers } from '../pki/acme/challenge-answers.ts'

const HTTP = 'http/1.1'

/** Which protocols a handshake agrees on: HTTP, and where challenges may come, tls-alpn-01 for the names under way. RFC 8737, 4. */
export function alpnOptions(answers: ChallengeAnswers | undefined): Pick<TlsOptions, 'ALPNProtocols' | 'ALPNCallback'> {
  if (!answers) return { ALPNProtocols: [HTTP] }
  return {
    ALPNCallback(this: TLSSocket, { servername, protocols }: { servername: string; protocols: string[] }) {
      if (!protocols.includes(ALPN_PROTOCOL)) return protocols.find((protocol) => protocol === HTTP)
      const certificate = answers.findCertificate(servername)
      if (certificate) this.setKeyCert(createSecureContext(certificate))
      return certificate && ALPN_PROTOCOL
    },
  }
}

/** A handshake is all that such a client wants: no request is read from it. */
export function endChallenges(server: Server): void {
  server.prependListener('secureConnection', (socket) => {
    if (socket.alpnProtocol === ALPN_PROTOCOL) socket.end()
  })
}
