import { z } from 'zod'
import { letsencryptSchema } from './acme-schema.ts'
import { cipherSuites } from './cipher-suites.ts'
import { choice, duration, flag, text, texts } from './values.ts'

// @NOTE an import would load all that node:http re-exports, fetch included: 45 ms of each start
const { validateHeaderName, validateHeaderValue } = process.getBuiltinModule('node:http')

const tlsSchema = z.object({
  certificate: text('PEM file with the server certificate, then its intermediates; goes with key.').optional(),
  key: text("PEM file with the certificate's private key, without a passphrase.").optional(),
  clientcas: texts('PEM files of the authorities whose client certificates are accepted; naming one turns client certificates on.').default([]),
  clientauth: choice('How client certificates are asked for when clientcas is set.', [
    'request-client-cert',
    'require-any-client-cert',
    'verify-client-cert-if-given',
    'require-and-verify-client-cert',
  ]).default('require-and-verify-client-cert'),
  crls: texts(
    'Revocation lists (PEM or DER) of those authorities, intermediate ones named there too: a certificate on one is refused from the next request on. That of a CA of lacre itself, which lies above ca/ca.crt, is used without being named.',
  ).default([]),
  explain: flag(
    'Whether a client without a good certificate is let through the handshake and answered 401 or 403 with the reason and the remedy; else it sees a failed handshake. /healthz, /readyz and /pki/ then need none.',
  ).default(false),
  minimumtls: text('Oldest TLS version that is spoken; tls1.0 and tls1.1 are raised to tls1.2.', {
    type: 'one of tls1.2, tls1.3',
    accept: (value) => MINIMUM_TLS.get(value),
  }).default('tls1.2'),
  ciphersuites: texts("Cipher suites by Go's names; empty means the nine modern ones. Only TLS 1.2 takes notice.", {
    type: "a list of cipher suites by Go's names",
    accept: (value) => (cipherSuites.has(value) ? value : undefined),
  }).default([]),
  letsencrypt: letsencryptSchema.prefault({}),
})

const debugSchema = z.object({
  addr: text('Address of a second listener for metrics and health, for example :5001; none when unset.').optional(),
  prometheus: z
    .object({
      enabled: flag('Whether that listener serves metrics.').default(false),
      path: text('Path of the metrics.', { type: 'a path', accept: (value) => (value.startsWith('/') ? value : undefined) }).default('/metrics'),
    })
    .prefault({}),
})

/** `http`: the listener, its TLS and what answers look like. */
export const httpSchema = z.object({
  addr: text('Address to listen on, as host:port or :port; a path when net is unix.'),
  net: choice('Kind of the listener.', ['tcp', 'unix']).default('tcp'),
  host: text('URL that clients use, for Location headers; taken from each request when unset.', {
    type: 'a URL such as https://registry.example.com',
    accept: findOrigin,
  }).optional(),
  prefix: text('Path under which the registry answers, for example /registry; empty for the root.', {
    type: 'a path',
    accept: findPrefix,
  }).default(''),
  secret: text('Accepted and not needed: the state of uploads is on the volume, so nothing is signed.', { secret: true }).optional(),
  relativeurls: flag('Whether Location headers are paths instead of URLs.').default(false),
  draintimeout: duration('How long requests under way may go on after SIGTERM; 0 stops at once.').default(0),
  headers: z.record(headerName(), headerValues('Header added to every answer, as a list of values.')).prefault({}),
  debug: debugSchema.prefault({}),
  tls: tlsSchema.prefault({}),
})

const MINIMUM_TLS: ReadonlyMap<string, 'tls1.2' | 'tls1.3'> = new Map([
  ['', 'tls1.2'],
  ['tls1.0', 'tls1.2'],
  ['tls1.1', 'tls1.2'],
  ['tls1.2', 'tls1.2'],
  ['tls1.3', 'tls1.3'],
])

/** Origin and path, without a slash behind. */
export function findOrigin(value: string): string | undefined {
  const url = URL.parse(value)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return undefined
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

/** With a slash before and none behind. */
function findPrefix(value: string): string | undefined {
  const inner = value.replace(/^\/+|\/+$/g, '')
  if (/[\s?#]/.test(inner)) return undefined
  return inner && `/${inner}`
}

export function headerName() {
  return z.string().refine((name) => succeeds(() => validateHeaderName(name)), 'is no header name')
}

export function headerValues(description: string, facts: { secret?: true } = {}) {
  return texts(description, {
    ...facts,
    type: 'a list of header values',
    accept: (value) => (succeeds(() => validateHeaderValue('x', value)) ? value : undefined),
  })
}

function succeeds(check: () => void): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}
