import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { OciError } from '../oci/error.ts'
import { type ClientAuth, clientAuths } from './client-auth.ts'

/** The certificate that the client of a connection has shown. */
export interface ClientCertificate {
  readonly certificate: X509Certificate
  /** OpenSSL's objection in the handshake, for example `CERT_HAS_EXPIRED`. */
  readonly objection: string | undefined
  /** Milliseconds since 1970. */
  readonly validFrom: number
  readonly validUntil: number
}

/** A certificate and who signed it. */
export interface Link {
  readonly certificate: X509Certificate
  readonly issuer: X509Certificate
}

/** How things stand with a client's certificate at this moment. */
export interface Standing extends Omit<ClientCertificate, 'certificate'> {
  /** Whether a CA that is trusted signed it. */
  readonly isTrusted: boolean
  readonly isRevoked: boolean
}

export type Objection = keyof typeof explanations

/** The certificate of a connection; `undefined` if the client has shown none. */
export function readClientCertificate(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) return undefined
  return {
    certificate,
    objection: socket.authorized ? undefined : String(socket.authorizationError), // @NOTE a text such as CERT_HAS_EXPIRED, whatever its type says
    validFrom: certificate.validFromDate.getTime(),
    validUntil: certificate.validToDate.getTime(),
  }
}

const DEPTH_LIMIT = 10

/**
 * From the client's certificate up through the CAs that are trusted, each certificate with its issuer; empty if none of them signed it.
 *
 * @NOTE Node does not tell a server which intermediates a client has sent: OpenSSL alone knows a path over those.
 */
export function findPath(shown: X509Certificate, authorities: readonly X509Certificate[]): Link[] {
  const links: Link[] = []
  for (let certificate = shown; links.length < DEPTH_LIMIT; ) {
    const issuer = authorities.find((authority) => hasIssued(authority, certificate))
    if (!issuer) break
    links.push({ certificate, issuer })
    if (issuer.raw.equals(certificate.raw)) break
    certificate = issuer
  }
  return links
}

/** Whether a path ends in a CA that signed itself, as OpenSSL wants it. */
export function isRooted(path: readonly Link[]): boolean {
  const root = path.at(-1)?.issuer
  return root !== undefined && hasIssued(root, root)
}

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

/** OpenSSL's words for what `judge` has a name for. */
const OBJECTIONS: Readonly<Record<string, Objection>> = {
  CERT_HAS_EXPIRED: 'authority-expired', // the client's own dates are looked at before
  CERT_NOT_YET_VALID: 'not-yet-valid',
  INVALID_PURPOSE: 'wrong-purpose',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'foreign',
  SELF_SIGNED_CERT_IN_CHAIN: 'foreign',
  UNABLE_TO_GET_ISSUER_CERT: 'foreign',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'foreign',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'foreign',
}

/** What keeps a client out in this mode; `undefined` if nothing does. What no new date would mend comes first. */
export function judge(clientAuth: ClientAuth, standing: Standing | undefined, now: number): Objection | undefined {
  const { needs, verifies } = clientAuths[clientAuth]
  if (!standing) return needs ? 'missing' : undefined
  if (!verifies) return undefined
  if (!standing.isTrusted) return 'foreign'
  if (standing.isRevoked) return 'revoked'
  if (now > standing.validUntil) return 'expired'
  if (now < standing.validFrom) return 'not-yet-valid'
  if (standing.objection === undefined) return undefined
  return (Object.hasOwn(OBJECTIONS, standing.objection) && OBJECTIONS[standing.objection]) || 'unusable'
}

interface Explanation {
  readonly says: (certificate: X509Certificate) => string
  readonly remedy: string
}

const RENEW = 'get a new one from whoever issued it'

const explanations = {
  missing: {
    // @NOTE a program made with Go shows no certificate of another CA than those that the handshake names
    says: () => 'this registry asks for a client certificate of a CA that it knows, and none was sent',
    remedy:
      'give the client a certificate and key that a CA of this registry has signed: client.cert and client.key in /etc/docker/certs.d/HOST, or curl --cert and --key; docker, podman and containerd do not even send one of another CA',
  },
  foreign: {
    says: ({ issuer }) => `is of a CA that this registry does not know (issuer ${oneLine(issuer)})`,
    remedy: 'get one from the CA of this registry, with its intermediates in the same file; or have its operator add yours to http.tls.clientcas',
  },
  revoked: { says: () => 'is revoked', remedy: 'ask the operator of this registry for a new one' },
  expired: { says: ({ validToDate }) => `expired on ${validToDate.toISOString()}`, remedy: RENEW },
  'not-yet-valid': {
    says: ({ validFromDate }) => `is not valid before ${validFromDate.toISOString()}`,
    remedy: 'check the clocks of this registry and of the CA, or wait',
  },
  'wrong-purpose': {
    says: () => 'is not for clients: its extended key usage lacks clientAuth',
    remedy: 'get one that was issued for clients (extendedKeyUsage=clientAuth), not that of a server',
  },
  'authority-expired': {
    says: ({ issuer }) => `is of a CA that has expired (issuer ${oneLine(issuer)})`,
    remedy: 'ask the operator of this registry to renew that CA',
  },
  unusable: { says: () => 'cannot be verified', remedy: 'look at it with: openssl verify -purpose sslclient -CAfile CA CERTIFICATE' },
} as const satisfies Record<string, Explanation>

/**
 * What the client is told: 401 when it has shown no certificate, else 403. Docker shows the message alone, so that says it all.
 * The connection ends with it: after the remedy a client comes on a new one, with another handshake.
 */
export function refusalOf(objection: Objection, shown: ClientCertificate | undefined): OciError {
  const { says, remedy }: Explanation = explanations[objection]
  if (!shown) {
    const headers = { ...LAST, 'WWW-Authenticate': 'ClientCertificate' } // RFC 9110 15.5.2 wants a challenge, and no scheme of HTTP asks for this
    return new OciError('UNAUTHORIZED', { reason: objection, remedy }, { message: explanations.missing.says(), headers })
  }
  const { certificate } = shown
  const subject = oneLine(certificate.subject)
  const about = { subject, issuer: oneLine(certificate.issuer), serial: certificate.serialNumber, notAfter: certificate.validToDate.toISOString() }
  const message = `the client certificate ${JSON.stringify(subject)} ${says(certificate)}`
  return new OciError(
    'DENIED',
    { reason: objection, remedy, ...about, ...(objection === 'unusable' && { openssl: shown.objection }) },
    { message, headers: LAST },
  )
}

const LAST = { Connection: 'close' }

/** A name as OpenSSL writes it on one line; Node gives each part its own, and none for an empty name. */
function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ')
}
