import type { X509Certificate } from 'node:crypto'
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { addressBytes, formatAddress } from './address.ts'
import { CertificateError } from './certificate-error.ts'
import { findExtension } from './certificate-parts.ts'
import { type DerValue, encode, explicit, readChildren, readDer, sequence } from './der.ts'
import { type CertificateName, parseCertificateNames } from './names.ts'

/** The only names that a CA may vouch for. A kind without an entry is not limited: RFC 5280, 4.2.1.10. */
export interface NameConstraints {
  /** Domains, each with all below it. */
  readonly domains: readonly string[]
  /** Networks as `10.0.0.0/8`. */
  readonly networks: readonly string[]
  /** What it may not vouch for even so; other programs make such CAs. */
  readonly excluded?: Omit<NameConstraints, 'excluded'>
}

const LOOPBACK: NameConstraints = { domains: ['localhost'], networks: ['127.0.0.0/8', '::1/128'] }
/** RFC 1918, RFC 6598, RFC 3927, RFC 4193. */
const PRIVATE_NETWORKS = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', 'fc00::/7']
/** Top-level names that the internet has promised never to use (RFC 2606, 6761, 6762, 8375, ICANN's .internal), and those that offices use. */
const PRIVATE_DOMAIN = /(?:^|\.)(?:localhost|localdomain|local|test|example|invalid|internal|intranet|intra|lan|home|corp|private|priv|home\.arpa)$/

/**
 * Reads what `--permit` was given: domains and networks. This machine's own names are always permitted with them.
 *
 * @throws CertificateError for what is neither.
 */
export function parsePermits(texts: readonly string[]): NameConstraints {
  const words = texts.flatMap((text) => text.split(/[\s,]+/)).filter((word) => word !== '')
  if (words.length === 0) throw new CertificateError('--permit names nothing', { hint: 'for example --permit intranet --permit 10.0.0.0/8' })
  const networks = words.filter((word) => word.includes('/') || isIP(word) !== 0).map(parseNetwork)
  const domains = words.filter((word) => !word.includes('/') && isIP(word) === 0).map(parseDomain)
  return { domains: unique([...domains, ...LOOPBACK.domains]), networks: unique([...networks, ...LOOPBACK.networks]) }
}

/**
 * The constraints that hold these names and what is likely to join them: their domains, and every private network as soon as
 * one address is private. `undefined` when a public name or address is among them, since a CA for the internet's own names
 * cannot tell which will be next.
 */
export function constraintsFor(names: readonly CertificateName[]): NameConstraints | undefined {
  if (names.some(isPublic)) return undefined
  const domains = names.filter(({ kind }) => kind === 'dns').map(({ value }) => parentDomain(value))
  const hasPrivate = names.some((name) => name.kind === 'ip' && !isWithin(LOOPBACK.networks, name.value))
  const networks = hasPrivate ? PRIVATE_NETWORKS : []
  return { domains: unique([...domains, ...LOOPBACK.domains]), networks: [...networks, ...LOOPBACK.networks] }
}

/** What either permits, but for what the first excludes. @NOTE A kind that one of them does not limit stays unlimited. */
export function joinConstraints(a: NameConstraints, b: NameConstraints): NameConstraints {
  const join = (one: readonly string[], other: readonly string[]) => (one.length === 0 || other.length === 0 ? [] : unique([...one, ...other]))
  return { domains: join(a.domains, b.domains), networks: join(a.networks, b.networks), ...(a.excluded && { excluded: a.excluded }) }
}

/** Whether clients accept the name from a CA with these constraints. */
export function permits(constraints: NameConstraints | undefined, { kind, value }: CertificateName): boolean {
  if (!constraints || kind === 'uri') return true
  const { domains, networks, excluded = { domains: [], networks: [] } } = constraints
  if (kind === 'ip') return (networks.length === 0 || isWithin(networks, value)) && !isWithin(excluded.networks, value)
  const name = value.replace(/^\*\./, '')
  return (domains.length === 0 || isBelow(domains, name)) && !isBelow(excluded.domains, name)
}

/** What a CA may vouch for by its own certificate; `undefined` for everything. */
export function readNameConstraints(authority: X509Certificate): NameConstraints | undefined {
  const value = findExtension(authority, NAME_CONSTRAINTS)
  if (!value) return undefined
  const [permitted, excluded] = [0xa0, 0xa1].map((wanted) => readChildren(readDer(value)).find(({ tag }) => tag === wanted))
  return { ...readSubtrees(permitted), ...(excluded && { excluded: readSubtrees(excluded) }) }
}

function readSubtrees(subtrees: DerValue | undefined): Omit<NameConstraints, 'excluded'> {
  const bases = subtrees ? readChildren(subtrees).flatMap((subtree) => readChildren(subtree).slice(0, 1)) : []
  return {
    domains: bases.filter(({ tag }) => tag === DNS).map(({ content }) => content.toString('latin1').replace(/^\./, '').toLowerCase()),
    networks: bases.filter(({ tag }) => tag === ADDRESS).map(({ content }) => formatNetwork(content)),
  }
}

export const NAME_CONSTRAINTS = '2.5.29.30'
const DNS = 0x82 // GeneralName: RFC 5280, 4.2.1.6
const ADDRESS = 0x87

/** The value of the extension, DER. */
export function encodeNameConstraints({ excluded, ...permitted }: NameConstraints): Buffer {
  const lists = [permitted, excluded].map((list) => (list ? encodeSubtrees(list) : []))
  return sequence(...lists.flatMap((subtrees, number) => (subtrees.length > 0 ? [explicit(number, ...subtrees)] : []))) // RFC 5280: no list is empty
}

function encodeSubtrees({ domains, networks }: Omit<NameConstraints, 'excluded'>): Buffer[] {
  const bases = [...domains.map((domain) => encode(DNS, Buffer.from(domain))), ...networks.map((network) => encode(ADDRESS, networkBytes(network)))]
  return bases.map((base) => sequence(base))
}

/** One line for people: `intranet, localhost, 10.0.0.0/8`. */
export function formatConstraints({ domains, networks, excluded }: NameConstraints): string {
  const permitted = [...domains, ...networks].join(', ')
  return excluded ? `${permitted || 'everything'} but ${formatConstraints(excluded)}` : permitted
}

/** Whether the internet knows such a name or address. */
export function isPublic({ kind, value }: CertificateName): boolean {
  if (kind === 'uri') return false
  if (kind === 'ip') return !isWithin([...LOOPBACK.networks, ...PRIVATE_NETWORKS], value)
  return value.includes('.') && !PRIVATE_DOMAIN.test(value)
}

/** `registry.intranet` → `intranet`; a single label stays. */
function parentDomain(name: string): string {
  const at = name.indexOf('.')
  return at < 0 ? name : name.slice(at + 1)
}

function isBelow(domains: readonly string[], name: string): boolean {
  return domains.some((domain) => name === domain || name.endsWith(`.${domain}`))
}

/** @NOTE A list of both families takes IPv4 for a part of IPv6. */
function isWithin(networks: readonly string[], address: string): boolean {
  const list = new BlockList()
  for (const network of networks.filter((each) => each.includes(':') === isIPv6(address))) {
    const [base = '', prefix] = network.split('/')
    list.addSubnet(base, Number(prefix), isIPv4(base) ? 'ipv4' : 'ipv6')
  }
  return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}

function parseDomain(text: string): string {
  const [name] = parseCertificateNames([text.replace(/^(?:\*?\.)/, '')])
  if (name?.kind === 'dns') return name.value
  throw new CertificateError(`${JSON.stringify(text)} is neither a domain nor a network`, { hint: 'for example --permit intranet --permit 10.0.0.0/8' })
}

function parseNetwork(text: string): string {
  const [base = '', prefix = isIPv6(base) ? '128' : '32', ...more] = text.split('/')
  const most = isIPv6(base) ? 128 : 32
  if (isIP(base) === 0 || base.includes('%') || !/^\d{1,3}$/.test(prefix) || Number(prefix) > most || more.length > 0) {
    throw new CertificateError(`${JSON.stringify(text)} is no network`, { hint: 'for example --permit 10.0.0.0/8, or --permit fd00::/8' })
  }
  return formatNetwork(networkBytes(`${base}/${prefix}`))
}

/** Address and mask, as the extension holds them; bits of the host are zero. */
function networkBytes(network: string): Buffer {
  const [base = '', prefix] = network.split('/')
  const address = addressBytes(base)
  const mask = address.map((_byte, index) => 0xff & ~(0xff >> Math.max(0, Math.min(8, Number(prefix) - 8 * index))))
  return Buffer.concat([address.map((byte, index) => byte & (mask[index] ?? 0)), mask])
}

function formatNetwork(bytes: Buffer): string {
  const half = bytes.length / 2
  const ones = [...bytes.subarray(half)].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)
  return `${formatAddress(bytes.subarray(0, half))}/${ones}`
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}
