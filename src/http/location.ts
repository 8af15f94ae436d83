import type { IncomingMessage } from 'node:http'
import type { HttpSettings } from './settings.ts'

/** Turns an API path (`/v2/…`) into the address that a client shall use next. */
export type Locate = (path: string) => string

/**
 * Addresses as the client sees us: `http.host` when configured, else what the proxies in front say (`Forwarded`, or
 * `X-Forwarded-Proto` and `X-Forwarded-Host`, the first of each list), else the connection itself.
 *
 * @see Distribution registry/api/v2/urls.go, NewURLBuilderFromRequest
 */
export function locatorFor(request: IncomingMessage, settings: HttpSettings): Locate {
  return (path) => {
    const base = settings.relativeUrls && !settings.host ? '' : (settings.host?.replace(/\/+$/, '') ?? requestBase(request))
    return `${base}${settings.prefix.replace(/\/$/, '')}${path}`
  }
}

const HOST = /^[A-Za-z0-9._~-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::\d{1,5})?$/
const SCHEME = /^https?$/i

function requestBase(request: IncomingMessage): string {
  const scheme = 'encrypted' in request.socket ? 'https' : 'http'
  const said = request.headers['forwarded'] ? readForwarded(request.headers['forwarded']) : readXForwarded(request)
  const host = firstMatch(HOST, said.host, request.headers.host)
  return host ? `${firstMatch(SCHEME, said.proto, scheme)?.toLowerCase()}://${host}` : ''
}

function firstMatch(pattern: RegExp, ...texts: (string | undefined)[]): string | undefined {
  return texts.find((text) => text !== undefined && pattern.test(text))
}

interface Forwarding {
  readonly proto?: string | undefined
  readonly host?: string | undefined
}

const FORWARDED_LIMIT = 1024 // characters; proxies write a hundred

/** The first element of RFC 7239's header, which the proxy nearest to the client wrote. Read in one pass: anybody may send it. */
function readForwarded(header: string): Forwarding {
  const [first = ''] = header.slice(0, FORWARDED_LIMIT).split(',', 1) // neither a host nor a scheme has a comma, quoted or not
  const pairs = new Map<string, string>()
  for (const pair of first.split(';')) {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, Math.max(0, equals)).trim().toLowerCase()
    if (equals > 0 && !pairs.has(name)) pairs.set(name, unquote(pair.slice(equals + 1).trim()))
  }
  return { proto: pairs.get('proto'), host: pairs.get('host') }
}

function unquote(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text
}

function readXForwarded(request: IncomingMessage): Forwarding {
  return { proto: firstOf(request.headers['x-forwarded-proto']), host: firstOf(request.headers['x-forwarded-host']) }
}

function firstOf(header: string | string[] | undefined): string | undefined {
  return (
    String(header ?? '')
      .split(',', 1)[0]
      ?.trim() || undefined
  )
}
