import type { X509Certificate } from 'node:crypto'
import { constants } from 'node:crypto'
import { createSecureContext, getCiphers, type Server, type TlsOptions } from 'node:tls'
import type { ChallengeAnswers } from '../pki/acme/challenge-answers.ts'
import { CertificateError } from '../pki/certificate-error.ts'
import type { Problem } from '../pki/certificate-problems.ts'
import { loadAuthorities, loadServerCertificate } from '../pki/server-certificate.ts'
import { alpnOptions } from './challenge-handshake.ts'
import { type ClientAuth, clientAuths, parseClientAuth } from './client-auth.ts'

/** `http.tls` of the configuration, with Distribution's keys and values. */
export interface TlsSettings {
  readonly certificate: string
  readonly key: string
  readonly clientcas?: readonly string[] | undefined
  readonly clientauth?: string | undefined
  /** Revocation lists of those CAs, and whether clients are let through the handshake to be told what is wrong with their certificate. */
  readonly crls?: readonly string[] | undefined
  readonly explain?: boolean | undefined
  readonly minimumtls?: string | undefined
  readonly ciphersuites?: readonly string[] | undefined
  /** Answers to the challenges of an ACME server, where they come as handshakes. */
  readonly challenges?: ChallengeAnswers | undefined
}

/** What a TLS server needs, read from the files that the settings name. */
export interface TlsMaterial {
  /** For `https.createServer` and `server.setSecureContext`. */
  readonly options: TlsOptions
  readonly clientAuth: ClientAuth
  /** Whether the handshake lets everybody through, since each request is judged and answered. */
  readonly isExplained: boolean
  /** The CAs whose client certificates are accepted. */
  readonly authorities: readonly X509Certificate[]
  readonly leaf: X509Certificate
  readonly problems: readonly Problem[]
}

// ChaCha for clients without AES in hardware, who ask for it first; a renegotiation costs us more than the client, and only attackers ask for one.
const SECURE_OPTIONS = constants.SSL_OP_PRIORITIZE_CHACHA | constants.SSL_OP_NO_RENEGOTIATION

const HANDSHAKE_TIMEOUT_MS = 30_000

// TLS 1.3 has these three and no setting, as in Go; AES-128 first, as in Go.
const TLS13_CIPHERS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']

/** Go's names of the cipher suites that Distribution knows, and OpenSSL's. */
const CIPHERS: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: 'ECDHE-RSA-DES-CBC3-SHA',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_3DES_EDE_CBC_SHA: 'DES-CBC3-SHA',
  ...Object.fromEntries(TLS13_CIPHERS.map((name) => [name, name])),
}

const DEFAULT_CIPHERS = Object.values(CIPHERS).slice(0, 6) // Distribution's own default, but for TLS 1.3's

/**
 * Reads the files and checks that a TLS server can start with them.
 *
 * @throws CertificateError for a setting Distribution would refuse, or files that do not make a server's certificate.
 */
export async function loadTls(settings: TlsSettings, now: () => number = Date.now): Promise<TlsMaterial> {
  const clientAuth = parseClientAuth(settings)
  const minVersion = parseMinimumVersion(settings.minimumtls)
  const { certificate, key, leaf, problems } = await loadServerCertificate(settings, now)
  const isExplained = settings.explain === true
  const authorities = (await Promise.all((settings.clientcas ?? []).map(loadAuthorities))).flat()
  const options: TlsOptions = {
    cert: certificate,
    key,
    ...(authorities.length > 0 && { ca: authorities.map(String) }),
    minVersion,
    ciphers: formatCiphers(settings, minVersion) + (problems.some(({ id }) => id === 'short-key') ? ':@SECLEVEL=0' : ''), // OpenSSL's own level refuses short keys
    secureOptions: SECURE_OPTIONS | (clientAuth === 'no-client-cert' ? 0 : constants.SSL_OP_NO_TICKET), // a resumed session has lost the intermediates
    ...alpnOptions(settings.challenges),
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    requestCert: clientAuth !== 'no-client-cert',
    rejectUnauthorized: clientAuth === 'require-and-verify-client-cert' && !isExplained,
  }
  checkOptions(options, settings)
  return { options, clientAuth, isExplained, authorities, leaf, problems }
}

/**
 * Ends connections whose client certificate is not what the mode asks for, before their first request.
 *
 * @NOTE Node itself knows only "ask" and "require and verify", and calls a connection without a certificate not `authorized`.
 */
export function enforceClientAuth(server: Server, { clientAuth, isExplained }: Pick<TlsMaterial, 'clientAuth' | 'isExplained'>): void {
  if (isExplained) return
  const { needs, verifies } = clientAuths[clientAuth]
  server.prependListener('secureConnection', (socket) => {
    const isGiven = socket.getPeerX509Certificate() !== undefined
    const isAccepted = isGiven ? !verifies || socket.authorized : !needs
    if (!isAccepted) socket.destroy()
  })
}

function parseMinimumVersion(text: string | undefined): 'TLSv1.2' | 'TLSv1.3' {
  if (!text || text === 'tls1.2') return 'TLSv1.2'
  if (text === 'tls1.3') return 'TLSv1.3'
  const isOld = text === 'tls1.0' || text === 'tls1.1'
  const reason = isOld ? `${text} is not offered, since it is broken` : `unknown TLS version ${JSON.stringify(text)}`
  throw new CertificateError(`http.tls.minimumtls: ${reason}`, { hint: 'use tls1.2, which is the default, or tls1.3' })
}

/** An OpenSSL list. With TLS 1.3 as the minimum the setting is ignored, as by Distribution. */
function formatCiphers({ ciphersuites = [] }: TlsSettings, minVersion: string): string {
  if (minVersion === 'TLSv1.3') return TLS13_CIPHERS.join(':')
  if (ciphersuites.length === 0) return [...TLS13_CIPHERS, ...DEFAULT_CIPHERS].join(':')
  const names = ciphersuites.map(parseCipher)
  const available = new Set(getCiphers().map((name) => name.toUpperCase()))
  const usable = names.filter((name) => available.has(name))
  if (usable.length === 0) {
    throw new CertificateError(`http.tls.ciphersuites: none of ${ciphersuites.join(', ')} is available here`, {
      hint: 'leave the setting out: the default is good',
    })
  }
  return [...new Set([...TLS13_CIPHERS, ...usable])].join(':')
}

function parseCipher(name: string): string {
  const cipher = Object.hasOwn(CIPHERS, name) ? CIPHERS[name] : undefined
  if (cipher) return cipher
  throw new CertificateError(`http.tls.ciphersuites: unknown cipher suite ${JSON.stringify(name)}`, {
    hint: `use names among ${Object.keys(CIPHERS).join(', ')}`,
  })
}

/** OpenSSL has the last word, for example about keys that are too short. */
function checkOptions(options: TlsOptions, settings: TlsSettings): void {
  try {
    createSecureContext(options)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CertificateError(`OpenSSL does not take ${settings.certificate} with ${settings.key}: ${reason}`, {
      hint: 'issue the certificate again, with a key of P-256 or RSA 2048 bits at least and SHA-256',
      cause,
    })
  }
}
