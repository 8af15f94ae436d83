import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Principal } from '../access/authenticate.ts'
import type { Cause, Happening } from '../notifications/event.ts'
import type { Notifier } from '../notifications/notifier.ts'
import type { Call } from './call.ts'
import type { Locate } from './location.ts'

/** Tells the webhooks of what a request did. */
export interface Announcer {
  pulled(happening: Happening): void

  /**
   * Resolves once the events are durable.
   *
   * @throws OciError `UNAVAILABLE` when they could not be queued.
   */
  changed(...happenings: readonly Happening[]): Promise<void>
}

const SILENT: Announcer = { pulled: () => undefined, changed: async () => undefined }

export function announcerFor(notifier: Notifier | undefined, call: Call, about: { principal: Principal; locate: Locate }): Announcer {
  if (!notifier) return SILENT
  const findCause = () => causeOf(call, about)
  return {
    pulled: (happening) => notifier.note(findCause, happening),
    changed: (...happenings) => notifier.record(findCause, happenings),
  }
}

function causeOf({ request, id, remoteAddress }: Call, { principal, locate }: { principal: Principal; locate: Locate }): Cause {
  const { headers, method = '' } = request
  return {
    request: {
      id,
      addr: findForwardedAddress(request) ?? formatPeer(remoteAddress, request.socket.remotePort),
      host: headers.host ?? '',
      method,
      useragent: headers['user-agent'] ?? '',
    },
    actor: principal.kind === 'account' ? principal.name : undefined,
    locate,
  }
}

/**
 * What a proxy in front says, where that is an address.
 *
 * @see Distribution context/http.go, RemoteAddr
 */
function findForwardedAddress({ headers }: IncomingMessage): string | undefined {
  const [first = ''] = String(headers['x-forwarded-for'] ?? '').split(',', 1)
  return [first.trim(), String(headers['x-real-ip'] ?? '')].find((text) => isIP(text) > 0)
}

/** As Go writes it: an IPv4 address on a socket for both is just that. */
function formatPeer(remoteAddress: string, port: number | undefined): string {
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/, '')
  const host = address.includes(':') ? `[${address}]` : address
  return port === undefined ? address : `${host}:${port}`
}
