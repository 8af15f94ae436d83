import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname, type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { domainToASCII } from 'node:url'
import { canonicalAddress } from './address.ts'
import { CertificateError } from './certificate-error.ts'

/** A name as a certificate carries it: DNS names in lower-case ASCII, addresses in their shortest form. */
export interface CertificateName {
  readonly kind: 'dns' | 'ip' | 'uri'
  readonly value: string
}

/** What a machine knows about its own names. */
export interface Machine {
  readonly hostname: string
  readonly interfaces: Readonly<Record<string, readonly Pick<NetworkInterfaceInfo, 'address' | 'internal'>[] | undefined>>
  /** Text of /etc/hosts. */
  readonly hosts: string
}

/** Every name and address under which clients may reach this machine: its names first, loopback last. */
export function hostNames(machine: Machine = thisMachine()): string[] {
  const short = machine.hostname.split('.')[0] ?? ''
  const addresses = Object.values(machine.interfaces).flatMap((list) => list ?? [])
  const reachable = addresses.filter(({ address, internal }) => !internal && !isLinkLocal(address)).map(({ address }) => address)
  const names = [findQualifiedName(machine), machine.hostname, short].filter((name) => name !== undefined && isName(name))
  return [...new Set([...names, ...reachable, 'localhost', '127.0.0.1', '::1'])].filter((name) => name !== undefined)
}

/**
 * Tells DNS names, addresses and URIs apart, writes each in its one form (`Bücher.Example` is `xn--bcher-kva.example`) and drops
 * repeats. A text may hold several with commas or spaces between them, each with openssl's `DNS:`, `IP:` or `URI:` in front.
 *
 * @throws CertificateError for what can be none, such as the URL of a page or a name with a port.
 */
export function parseCertificateNames(texts: readonly string[]): CertificateName[] {
  return parseWholeNames(texts.flatMap(splitNames))
}

/** As {@link parseCertificateNames}, where each text is one name, whatever it holds. */
export function parseWholeNames(texts: readonly string[]): CertificateName[] {
  const names = texts.map(parseCertificateName)
  return [...new Map(names.map((name) => [formatCertificateName(name), name])).values()]
}

export function formatCertificateName(name: CertificateName): string {
  return `${name.kind}:${name.value}`
}

/** The URI by which a client certificate names an account. */
export function accountName(account: string): CertificateName {
  return { kind: 'uri', value: `lacre:account/${encodeURIComponent(account)}` }
}

/** What will surprise people about names that certificates can carry nevertheless. */
export function nameWarnings(names: readonly CertificateName[]): string[] {
  const underscored = names.filter(({ kind, value }) => kind === 'dns' && value.includes('_'))
  return underscored.map(({ value }) => `${value} has an underscore: no docker reference can hold such a name`)
}

function splitNames(text: string): string[] {
  const parts = text.split(/[\s,;]+/).filter((part) => part !== '')
  return parts.length > 0 ? parts.map((part) => part.replace(/^(?:DNS|IP|URI):/i, '')) : [text]
}

const URI = /^(?!https?:)(?:[a-z][a-z0-9+.-]*:\/\/|urn:|lacre:)[!-~]+$/i
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
const DNS_NAME = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`)

function parseCertificateName(text: string): CertificateName {
  const trimmed = text.trim()
  if (isIP(trimmed) !== 0 && !trimmed.includes('%')) return { kind: 'ip', value: canonicalAddress(trimmed) }

  if (URI.test(trimmed)) return { kind: 'uri', value: trimmed }

  const name = toAsciiName(trimmed)
  const isNumeric = /(?:^|\.)[0-9]+$/.test(name) // such a name is taken for an address by every client
  if (name.length > 253 || isNumeric || !DNS_NAME.test(name)) {
    throw new CertificateError(`${JSON.stringify(text)} is not a host name or an address`, {
      hint: 'give the name alone, as clients will use it, without https:// and without a port, for example registry.example.com or 192.0.2.10',
    })
  }
  return { kind: 'dns', value: name }
}

function toAsciiName(text: string): string {
  const wildcard = text.startsWith('*.') ? '*.' : ''
  return wildcard + domainToASCII(text.slice(wildcard.length)).replace(/\.$/, '')
}

function isName(text: string): boolean {
  try {
    return parseCertificateName(text).kind === 'dns'
  } catch {
    return false
  }
}

/** fe80::/10 means nothing without a zone, and certificates have no zones. */
function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address) || address.includes('%')
}

/** The host name itself if it has a domain, else the first name with one on a line of /etc/hosts that names the host. */
function findQualifiedName(machine: Machine): string | undefined {
  if (machine.hostname.includes('.')) return machine.hostname
  const lines = machine.hosts.split('\n').map((line) => (line.split('#')[0] ?? '').trim().split(/\s+/).slice(1))
  return lines.find((names) => names.includes(machine.hostname))?.find((name) => name.startsWith(`${machine.hostname}.`))
}

function thisMachine(): Machine {
  return { hostname: hostname(), interfaces: networkInterfaces(), hosts: readHosts() }
}

function readHosts(): string {
  try {
    return readFileSync('/etc/hosts', 'utf8')
  } catch {
    return '' // no such file, no such name
  }
}
