import { CertificateError } from '../certificate-error.ts'

/** A refusal by an ACME server, or trouble on the way to it. */
export class AcmeError extends CertificateError {
  /** The last part of the server's `urn:ietf:params:acme:error:…`; `network` or `answer` where the trouble is not the server's word. */
  readonly type: string
  /** How long the server wants to be left alone. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: { type: string; hint: string; retryAfterMs?: number | undefined; cause?: unknown }) {
    super(message, options)
    this.name = 'AcmeError'
    this.type = options.type
    this.retryAfterMs = options.retryAfterMs
  }
}

/** What to do, by the server's word: RFC 8555, 6.7; RFC 9773, 7.4. */
const HINTS: Readonly<Record<string, string>> = {
  badCSR: 'the server takes no such names or key: compare http.tls.letsencrypt.hosts with what it issues',
  caa: "the domain's CAA record names other authorities: add this one to it, or choose another with http.tls.letsencrypt.directoryurl",
  connection: 'the server must reach this registry from the internet: port 80 for http-01, port 443 for tls-alpn-01; look at firewall, port forwarding and DNS',
  dns: 'the name must be in public DNS and lead to this registry (A and AAAA records)',
  externalAccountRequired:
    'get a key identifier and an HMAC key from the operator of the server, and set lacre.acme.eab.kid and lacre.acme.eab.hmackeyfile (lacre up: --acme-eab-kid, --acme-eab-key-file)',
  incorrectResponse: 'something else answers for this name: let port 80 (http-01) or 443 (tls-alpn-01) lead to this registry, without a proxy in between',
  invalidContact: 'give an address that the server takes in http.tls.letsencrypt.email, or none',
  malformed: 'the server and lacre do not understand each other: check http.tls.letsencrypt.directoryurl',
  rateLimited: "wait; the next try comes by itself. While trying things out, use the server's staging (lacre.acme.staging; lacre up: --acme-staging)",
  rejectedIdentifier: 'the server issues no certificate for this name: it must be a public one, see http.tls.letsencrypt.hosts',
  serverInternal: 'the trouble is on the other side; the next try comes by itself',
  tls: 'tls-alpn-01 needs port 443 to lead to this registry itself, without a proxy that ends TLS; otherwise set lacre.acme.challenge to http-01 (lacre up: --acme-challenge)',
  unauthorized:
    'the server did not reach this registry under this name: let DNS (A and AAAA records) and port 80 (http-01) or 443 (tls-alpn-01) lead here, without a proxy in between',
  unsupportedContact: 'give an address that the server takes in http.tls.letsencrypt.email, or none',
  unsupportedIdentifier: 'the server issues no certificates for names of this kind: leave addresses out of http.tls.letsencrypt.hosts',
  userActionRequired: "the operator of the server wants something from the account's owner: open the address that the message names",
}

const OTHERWISE = 'read what the server says; the next try comes by itself'

/** A problem document: RFC 7807. */
export interface AcmeProblem {
  readonly type?: string | undefined
  readonly detail?: string | undefined
  readonly subproblems?: readonly { readonly detail?: string | undefined }[] | undefined
}

/** @param about what was asked for, as the begin of a sentence that ends with the server's own words */
export function toAcmeError(about: string, problem: AcmeProblem, retryAfterMs?: number): AcmeError {
  const type = /^urn:ietf:params:acme:error:(\w{1,60})$/.exec(problem.type ?? '')?.[1] ?? 'unknown'
  const words = [problem.detail, ...(problem.subproblems ?? []).map(({ detail }) => detail)].filter((text) => text !== undefined)
  return new AcmeError(`${about}: ${quote(words.join('; ')) || 'no reason is given'} (${type})`, { type, hint: HINTS[type] ?? OTHERWISE, retryAfterMs })
}

/** Another's words, on one line and not without end. */
export function quote(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 600)
}
