import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** Addresses of proxies whose word about their clients counts. */
export type TrustedProxies = Pick<BlockList, 'check'>

/** Reads addresses and networks, for example `10.0.0.0/8`, which are valid already; `undefined` when nobody is trusted. */
export function trustProxies(networks: readonly string[]): TrustedProxies | undefined {
  if (networks.length === 0) return undefined
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = familyOf(address)
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

/**
 * Where a request comes from, as wrong passwords are counted: an IPv4 address or the /64 of an IPv6 one, which is what one customer has; empty for a socket
 * file. It is the connection's, unless that is a trusted proxy: then the last address in `X-Forwarded-For` that is none.
 */
export function findSource(request: IncomingMessage, remoteAddress: string, trusted: TrustedProxies | undefined): string {
  const own = withoutMapping(remoteAddress)
  return groupOf(trusted ? findForwarded(own, request.headers['x-forwarded-for'], trusted) : own)
}

/** @NOTE read from the right: what stands left of the first untrusted address is that client's own invention. */
function findForwarded(own: string, header: string | string[] | undefined, trusted: TrustedProxies): string {
  const hops = String(header ?? '').split(',')
  let source = own
  while (hops.length > 0 && isTrusted(source, trusted)) {
    const hop = withoutMapping(withoutPort(hops.pop()?.trim() ?? ''))
    if (!isIP(hop)) break
    source = hop
  }
  return source
}

function isTrusted(address: string, trusted: TrustedProxies): boolean {
  return isIP(address) !== 0 && trusted.check(address, familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4'
}

/** Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  return /^(?:\[([^\]]*)\]|([\d.]+))(?::\d+)?$/.exec(text)?.slice(1).find(Boolean) ?? text
}

const MAPPED = '::ffff:'

function withoutMapping(address: string): string {
  return address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address
}

function groupOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::')
  const left = wordsOf(head)
  const right = wordsOf(tail ?? '')
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  return `${[...left, ...zeros, ...right].slice(0, 4).map(shorten).join(':')}::/64`
}

function wordsOf(text: string): string[] {
  return text ? text.split(':') : []
}

/** @NOTE a proxy may write one address in many ways: `0DB8` is `db8`. */
function shorten(word: string): string {
  return Number.parseInt(word, 16).toString(16)
}
