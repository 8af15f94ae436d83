import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Problem } from '../pki/certificate-problems.ts'
import { clientAuths } from './client-auth.ts'
import {
  type ClientCertificate,
  findPath,
  isRooted,
  judge,
  type Link,
  type Objection,
  readClientCertificate,
  refusalOf,
  type Standing,
} from './client-certificate.ts'
import { type RevocationFiles, Revocations } from './revocations.ts'
import type { TlsMaterial } from './tls.ts'

/** What is remembered of a connection. */
interface Visitor {
  readonly shown: ClientCertificate | undefined
  /** The CAs of its handshake, which OpenSSL's verdict is about. */
  readonly greeters: readonly X509Certificate[]
  /** The CAs that `path` was sought among. */
  authorities: readonly X509Certificate[] | undefined
  path: readonly Link[]
  isTold: boolean
}

/** Who is not let in, for the log and the metrics. */
export interface TurnedAway {
  readonly reason: Objection
  readonly sentence: string
}

export interface ClientGateOptions extends RevocationFiles {
  readonly now: () => number
  /** Told once of each connection. */
  readonly onTurnedAway?: ((client: TurnedAway) => void) | undefined
}

/** Judges the clients of a TLS server request by request: a certificate may end, be revoked or lose its CA while a connection is open. */
export class ClientGate {
  readonly #options: ClientGateOptions
  readonly #revocations: Revocations
  readonly #visitors = new WeakMap<TLSSocket, Visitor>()

  constructor(options: ClientGateOptions) {
    this.#options = options
    this.#revocations = new Revocations(options)
  }

  /** @throws CertificateError if a revocation list cannot be used. */
  async open({ authorities }: TlsMaterial): Promise<void> {
    await this.#revocations.open(authorities)
  }

  /** Looks at the revocation lists. Never throws. */
  look(): Promise<void> {
    return this.#revocations.look()
  }

  /** Takes other CAs from now on. */
  change({ authorities }: TlsMaterial): Promise<void> {
    this.#revocations.trust(authorities)
    return this.look()
  }

  problems(): Problem[] {
    return this.#revocations.problems(this.#options.now())
  }

  /** Remembers who has come, and among which CAs the handshake looked. */
  greet(socket: TLSSocket, { authorities }: TlsMaterial): void {
    this.#visitors.set(socket, { shown: readClientCertificate(socket), greeters: authorities, authorities: undefined, path: [], isTold: false })
  }

  /** @throws OciError for a client that this mode does not let in, as things stand now. */
  async admit(socket: TLSSocket, { clientAuth, authorities }: TlsMaterial): Promise<void> {
    const { needs, verifies } = clientAuths[clientAuth]
    if (!needs && !verifies) return
    const visitor = this.#visitors.get(socket)
    if (!visitor) throw new Error('a connection was not greeted')
    if (visitor.shown && verifies) {
      await this.look()
      seekPath(visitor, visitor.shown, authorities)
    }
    const objection = judge(clientAuth, this.#standingOf(visitor), this.#options.now())
    if (objection) throw this.#refuse(visitor, objection)
  }

  #standingOf(visitor: Visitor): Standing | undefined {
    const { shown, path } = visitor
    return shown && { ...shown, isTrusted: isTrusted(visitor, shown), isRevoked: this.#revocations.isRevoked(path) }
  }

  #refuse(visitor: Visitor, reason: Objection): Error {
    const refusal = refusalOf(reason, visitor.shown)
    if (!visitor.isTold) this.#options.onTurnedAway?.({ reason, sentence: refusal.message })
    visitor.isTold = true
    return refusal
  }
}

/** Seeks anew when the CAs are others than before. */
function seekPath(visitor: Visitor, shown: ClientCertificate, authorities: readonly X509Certificate[]): void {
  if (visitor.authorities === authorities) return
  visitor.authorities = authorities
  visitor.path = findPath(shown.certificate, authorities)
}

/** OpenSSL's word counts as long as the CAs are those it looked among; a client that is wronged afterwards comes again and is looked at anew. */
function isTrusted({ greeters, authorities, path }: Visitor, { objection }: ClientCertificate): boolean {
  if (objection !== undefined) return path.length > 0
  return authorities === greeters || isRooted(path)
}
