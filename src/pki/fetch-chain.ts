import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { isSame } from './certificate-chain.ts'
import { CertificateError } from './certificate-error.ts'
import { checkWhole } from './certificate-files.ts'

const PATIENCE_MS = 10_000

/**
 * The certificates that a server shows, its own first. Nothing is verified, and nothing is sent.
 *
 * @throws CertificateError if nobody answers there, or not with TLS.
 */
export function fetchChain(host: string, port: number): Promise<[X509Certificate, ...X509Certificate[]]> {
  const { promise, resolve, reject } = Promise.withResolvers<[X509Certificate, ...X509Certificate[]]>()
  const name = isIP(host) === 0 ? { servername: host } : {}
  const socket = connect({ host, port, ...name, rejectUnauthorized: false, ca: [], timeout: PATIENCE_MS })
  const fail = (cause: Error) => reject(noChain(`${host}:${port}`, cause))
  socket.once('secureConnect', () => {
    const leaf = socket.getPeerX509Certificate()
    socket.destroy()
    try {
      if (leaf) resolve([checkWhole(leaf), ...issuersOf(leaf).map(checkWhole)])
      else fail(new Error('it shows no certificate'))
    } catch (error) {
      fail(error as Error)
    }
  })
  socket.once('timeout', () => socket.destroy(new Error(`nothing within ${PATIENCE_MS / 1000} seconds`)))
  socket.once('error', fail)
  return promise
}

/** What the server sent after its own. */
function issuersOf(certificate: X509Certificate): X509Certificate[] {
  const issuer = certificate.issuerCertificate
  return issuer && !isSame(issuer, certificate) ? [issuer, ...issuersOf(issuer)] : []
}

function noChain(place: string, cause: Error): CertificateError {
  const isPlain = (cause as NodeJS.ErrnoException).code === 'ERR_SSL_WRONG_VERSION_NUMBER' || (cause as NodeJS.ErrnoException).code === 'EPROTO'
  return new CertificateError(isPlain ? `${place} speaks no TLS` : `no certificate from ${place}: ${cause.message}`, {
    hint: isPlain ? 'it may serve plain HTTP: there is no certificate to look at' : 'check name and port, and whether the server runs',
    cause,
  })
}
