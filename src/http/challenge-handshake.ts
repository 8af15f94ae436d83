import { createSecureContext, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import type { ChallengeAnswers } from '../pki/acme/challenge-answers.ts'

const HTTP = 'http/1.1'
const CHALLENGE = 'acme-tls/1' // RFC 8737, 4

/** Which protocols a handshake agrees on: HTTP, and where challenges may come, tls-alpn-01 for the names under way. */
export function alpnOptions(answers: ChallengeAnswers | undefined): Pick<TlsOptions, 'ALPNProtocols' | 'ALPNCallback'> {
  if (!answers) return { ALPNProtocols: [HTTP] }
  return {
    ALPNCallback(this: TLSSocket, { servername, protocols }: { servername: string; protocols: string[] }) {
      if (!protocols.includes(CHALLENGE)) return protocols.find((protocol) => protocol === HTTP)
      const certificate = answers.findCertificate(servername)
      if (certificate) this.setKeyCert(createSecureContext(certificate))
      return certificate && CHALLENGE
    },
  }
}

/** A handshake is all that such a client wants: no request is read from it. */
export function endChallenges(server: Server): void {
  server.prependListener('secureConnection', (socket) => {
    if (socket.alpnProtocol === CHALLENGE) socket.end()
  })
}
