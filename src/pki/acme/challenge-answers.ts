import { createHash } from 'node:crypto'
import { addressBytes } from '../address.ts'
import type { CertificateName } from '../names.ts'
import { makeChallengeCertificate } from './challenge-certificate.ts'

/** How an ACME server can be shown that a name leads here: by a file on port 80, or in a TLS handshake on port 443. */
export type ChallengeType = 'http-01' | 'tls-alpn-01'

export interface Challenge {
  readonly type: ChallengeType
  readonly name: CertificateName
  readonly token: string
  /** The token and the account's thumbprint: RFC 8555, 8.1. */
  readonly keyAuthorization: string
}

export interface ChallengeCertificate {
  readonly cert: string
  readonly key: string
}

const TOKENS_BELOW = '/.well-known/acme-challenge/'

/** What this server answers to challenges that are under way. */
export class ChallengeAnswers {
  readonly #texts = new Map<string, string>()
  readonly #certificates = new Map<string, ChallengeCertificate>()

  /** Answers a challenge until the returned function is called. */
  async open({ type, name, token, keyAuthorization }: Challenge): Promise<() => void> {
    if (type === 'http-01') return put(this.#texts, TOKENS_BELOW + token, keyAuthorization)
    const digest = createHash('sha256').update(keyAuthorization).digest()
    return put(this.#certificates, serverNameOf(name), await makeChallengeCertificate(name, digest))
  }

  /** The body for a path of http-01. */
  findText(path: string): string | undefined {
    return this.#texts.get(path)
  }

  /** The certificate to show to who asks for the protocol `acme-tls/1` under a server name. */
  findCertificate(serverName: string): ChallengeCertificate | undefined {
    return this.#certificates.get(serverName.toLowerCase())
  }
}

function put<T>(map: Map<string, T>, key: string, value: T): () => void {
  map.set(key, value)
  return () => void (map.get(key) === value && map.delete(key))
}

/** An address is asked for by its name in reverse DNS: RFC 8738, 6. */
function serverNameOf({ kind, value }: CertificateName): string {
  if (kind === 'dns') return value
  const bytes = addressBytes(value)
  if (bytes.length === 4) return `${[...bytes].reverse().join('.')}.in-addr.arpa`
  return `${[...bytes.toString('hex')].reverse().join('.')}.ip6.arpa`
}
