import { type Happening, mediaTypeOf } from './event.ts'

/** An endpoint as the configuration has it; times in milliseconds. */
export interface EndpointSettings extends Pick<Endpoint, 'name' | 'url' | 'headers' | 'threshold' | 'disabled'> {
  readonly timeout: number
  readonly backoff: number
  readonly ignoredmediatypes: readonly string[]
  readonly ignore: { readonly mediatypes: readonly string[]; readonly actions: readonly string[] }
}

/** Where events go; `notifications.endpoints[]` of the configuration. Plain data: it crosses threads. */
export interface Endpoint {
  /** Events wait under this name, also while the endpoint is disabled or not configured. */
  readonly name: string
  /** May hold a password: show `addressOf` instead. */
  readonly url: string
  readonly headers: Readonly<Record<string, readonly string[]>>
  /** For a whole request. */
  readonly timeoutMs: number
  /** After this many failures in a row there is a wait before each try. */
  readonly threshold: number
  /** The first of these waits. */
  readonly backoffMs: number
  /** Nothing new is queued for it and nothing is sent. */
  readonly disabled: boolean
  readonly ignoredMediaTypes: readonly string[]
  readonly ignoredActions: readonly string[]
}

export function readEndpoint({ name, url, headers, threshold, disabled, timeout, backoff, ...settings }: EndpointSettings): Endpoint {
  return {
    ...{ name, url, headers, threshold, disabled },
    timeoutMs: timeout,
    backoffMs: backoff,
    ignoredMediaTypes: [...settings.ignoredmediatypes, ...settings.ignore.mediatypes],
    ignoredActions: settings.ignore.actions,
  }
}

export function wants({ disabled, ignoredActions, ignoredMediaTypes }: Endpoint, happening: Happening): boolean {
  return !disabled && !ignoredActions.includes(happening.action) && !ignoredMediaTypes.includes(mediaTypeOf(happening))
}

/** Scheme, host and path of an endpoint: user, password and query may be secrets. */
export function addressOf({ url }: Pick<Endpoint, 'url'>): string {
  const { origin, pathname, search } = new URL(url)
  return `${origin}${pathname}${search && '?…'}`
}
