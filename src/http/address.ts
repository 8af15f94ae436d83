import { once } from 'node:events'
import { lstat, rm } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import type { HttpSettings } from './settings.ts'

/** Where to listen, as `server.listen` takes it. */
export type ListenTarget = { readonly path: string } | { readonly port: number; readonly host?: string }

/**
 * Reads `host:port`, `:port` (all addresses), `[::1]:port`, or a socket's path.
 *
 * @throws ListenError if it is none of them.
 */
export function parseAddress(addr: string, net: HttpSettings['net']): ListenTarget {
  if (net === 'unix') return { path: addr }
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(addr)
  const port = Number(match?.[3])
  if (!match || port > 65_535) throw new ListenError(`cannot listen on ${JSON.stringify(addr)}`, { hint: 'set http.addr to host:port, for example ":5000"' })
  const host = match[1] ?? match[2]
  return host ? { port, host } : { port }
}

/** An address as a person or a client writes it. */
export function formatAddress(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') return address ?? ''
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
}

/** The address is not to be had; `hint` says what to do. */
export class ListenError extends Error {
  readonly hint: string

  constructor(message: string, options: { hint: string; cause?: unknown }) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'ListenError'
    this.hint = options.hint
  }
}

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: stop it, or choose another port in http.addr',
  EACCES: 'ports below 1024 are for root: choose another port in http.addr, or allow it with CAP_NET_BIND_SERVICE',
  EADDRNOTAVAIL: 'this machine does not have that address: use one of its own, or ":port" for all of them',
  ENOTFOUND: 'the name in http.addr cannot be resolved: use an address, or ":port" for all of them',
}

export function listenError(addr: string, cause: NodeJS.ErrnoException): ListenError {
  const code = cause.code ?? cause.message
  return new ListenError(`cannot listen on ${addr}: ${code}`, { hint: HINTS[code] ?? 'check http.addr', cause })
}

/** Removes a socket file that a killed server left behind; one that somebody listens on stays. */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (!found?.isSocket()) return
  const probe = connect(path)
  const isServed = await once(probe, 'connect').then(
    () => true,
    () => false,
  )
  probe.destroy()
  if (!isServed) await rm(path, { force: true })
}
