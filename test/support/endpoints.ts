import type { Endpoint } from '../../src/notifications/endpoint.ts'

/** An endpoint that is tried again at once. */
export function endpointAt(url: string, more: Partial<Endpoint> = {}): Endpoint {
  return { name: 'ci', url, headers: {}, timeoutMs: 5000, threshold: 3, backoffMs: 1, disabled: false, ignoredMediaTypes: [], ignoredActions: [], ...more }
}
