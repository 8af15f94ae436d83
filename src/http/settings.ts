import type { TrustedProxies } from './client-source.ts'

/** What a configuration says of the HTTP side, already defaulted; times in milliseconds, sizes in bytes. */
export interface HttpSettings {
  /** `host:port`, `:port`, `[::1]:port`, or a socket's path when `net` is `unix`. Port 0 takes any free one. */
  readonly addr: string
  readonly net: 'tcp' | 'unix'
  /** A listening socket that this process was started with: served on instead of `addr`. */
  readonly inheritedSocket?: number | undefined
  /** How clients reach us, for example `https://registry.test:5000`; else each request tells. */
  readonly host: string | undefined
  /** Path in front of `/v2/`, with a slash at both ends; `/` for none. */
  readonly prefix: string
  /** Locations without scheme and host. */
  readonly relativeUrls: boolean
  /** On every answer of the API. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly deletionEnabled: boolean
  readonly readOnly: boolean
  readonly catalogMaxEntries: number
  readonly tagsMaxTags: number
  /** How long a client may neither send nor take a byte while it is its turn. */
  readonly idleTimeoutMs: number
  readonly headersTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  /** Most connections at a time. For one more, the one that has been idle longest goes; where none is idle, the new one. */
  readonly maxConnections: number
  /** Proxies whose `X-Forwarded-For` tells where a request comes from; nobody's without them. */
  readonly trustedProxies: TrustedProxies | undefined
  /** Path of the metrics on the main address, behind authentication; `undefined`: not there. */
  readonly metricsPath: string | undefined
  readonly debug: DebugSettings | undefined
}

/** A second, plain and open address for health and metrics, as Distribution's `http.debug`. */
export interface DebugSettings {
  readonly addr: string
  readonly metricsPath: string | undefined
}

export const defaultHttpSettings: HttpSettings = {
  addr: ':5000',
  net: 'tcp',
  host: undefined,
  prefix: '/',
  relativeUrls: false,
  headers: {},
  deletionEnabled: false,
  readOnly: false,
  catalogMaxEntries: 1000, // Distribution catalog.maxentries
  tagsMaxTags: 1000, // Distribution tags.maxtags
  idleTimeoutMs: 60_000,
  headersTimeoutMs: 30_000,
  keepAliveTimeoutMs: 72_000, // longer than the 60 s after which common load balancers drop an idle connection
  maxConnections: 10_000,
  trustedProxies: undefined,
  metricsPath: undefined,
  debug: undefined,
}
