import type { KeyObject, X509Certificate } from 'node:crypto'
import { CertificateError } from './certificate-error.ts'
import { maySignCertificates } from './certificate-traits.ts'
import { COMMON_NAME_LIMIT, type DistinguishedName, findAttribute } from './distinguished-name.ts'
import { formatConstraints, permits, readNameConstraints } from './name-constraints.ts'
import { accountName, type CertificateName, formatCertificateName, nameWarnings } from './names.ts'
import type { CertificateContent } from './sign-certificate.ts'

/** A certificate that somebody wants of an authority. */
export interface LeafRequest {
  readonly profile: 'server' | 'client'
  /** In the order of the certificate; the first is its CN too. */
  readonly names: readonly CertificateName[]
  readonly publicKey: KeyObject
  /** Without a CN, the first name is it. */
  readonly subject?: DistinguishedName
  /** 90 without it. */
  readonly days?: number
  /** Of a client: the account that the certificate names, as URI `lacre:account/NAME`, percent-encoded, which counts; and as CN, for people. */
  readonly account?: string
}

export const DAY_MS = 24 * 60 * 60 * 1000
const LEAF_DAYS = 90 // below the 825 that Apple's systems accept
/** Certificates begin in the past, for clients whose clocks are late. */
export const CLOCK_SKEW_MS = 10 * 60 * 1000

/**
 * What the authority will sign, and what is worth a word about it.
 *
 * @throws CertificateError if clients would refuse the certificate: a name outside the CA's constraints, a CA that is over or is none.
 */
export function planLeaf(authority: X509Certificate, request: LeafRequest, now: number): { content: CertificateContent; warnings: string[] } {
  const names = request.account === undefined ? request.names : [accountName(request.account), ...request.names]
  checkAuthority(authority, now)
  checkNames(authority, names)
  const wanted = new Date(now + (request.days ?? LEAF_DAYS) * DAY_MS)
  const notAfter = authority.validToDate < wanted ? authority.validToDate : wanted
  const content: CertificateContent = {
    profile: request.profile,
    subject: leafSubject(authority, request),
    publicKey: request.publicKey,
    names,
    notBefore: new Date(now - CLOCK_SKEW_MS),
    notAfter,
  }
  return { content, warnings: [...nameWarnings(names), ...clampWarning(wanted, notAfter), ...longNameWarning(request, content)] }
}

function checkAuthority(authority: X509Certificate, now: number): void {
  if (!maySignCertificates(authority)) {
    throw new CertificateError('the CA certificate does not say that it may sign certificates (basicConstraints CA:TRUE, keyUsage keyCertSign)', {
      hint: 'make a CA with "lacre ca init": clients would refuse what this one signs',
    })
  }
  if (authority.validToDate.getTime() <= now) {
    throw new CertificateError(`the CA ends on ${authority.validToDate.toISOString()}: it is over, and what it signs as well`, {
      hint: 'renew it with the same key: lacre ca renew; then give the new CA certificate to all clients',
    })
  }
}

function checkNames(authority: X509Certificate, names: readonly CertificateName[]): void {
  if (names.length === 0) throw new CertificateError('a certificate needs a name', { hint: 'give the host name that clients will use' })
  const constraints = readNameConstraints(authority)
  const outside = names.filter((name) => !permits(constraints, name)).map(({ value }) => value)
  if (!constraints || outside.length === 0) return
  throw new CertificateError(`the CA may not vouch for ${outside.join(', ')}: it is limited to ${formatConstraints(constraints)}`, {
    hint: 'clients would refuse the whole certificate; leave the name out, or make a CA that may: lacre ca rotate prepare --permit NAME',
  })
}

function leafSubject(authority: X509Certificate, { names, subject = [], account }: LeafRequest): DistinguishedName {
  const given = findAttribute(subject, 'CN')
  const value = given ?? (account === undefined ? firstShortName(names) : checkAccount(account))
  if (value === undefined) return subject
  const commonName = { type: 'CN', value: harmlessName(authority, names, value) }
  return given === undefined ? [...subject, commonName] : subject.map((attribute) => (attribute.type === 'CN' ? commonName : attribute))
}

/** @NOTE Where no name is a domain, OpenSSL takes a CN that looks like one (`10.0.0.7` does) and holds it against the CA's constraints. */
function harmlessName(authority: X509Certificate, names: readonly CertificateName[], value: string): string {
  const isTaken = /^[\w-]+(?:\.[\w-]+)+$/.test(value) && !names.some(({ kind }) => kind === 'dns')
  return isTaken && readNameConstraints(authority)?.domains.length ? `name ${value}`.slice(0, COMMON_NAME_LIMIT) : value
}

function checkAccount(account: string): string {
  if (account.length <= COMMON_NAME_LIMIT) return account
  throw new CertificateError(`the account ${JSON.stringify(account)} is too long for a certificate`, {
    hint: `a CN has at most ${COMMON_NAME_LIMIT} characters`,
  })
}

function firstShortName(names: readonly CertificateName[]): string | undefined {
  const isShort = ({ kind, value }: CertificateName) => kind !== 'uri' && value.length <= COMMON_NAME_LIMIT
  return names.find(isShort)?.value ?? (names[0] && 'lacre')
}

function clampWarning(wanted: Date, given: Date): string[] {
  return given < wanted ? [`the certificate ends with its CA, on ${given.toISOString()}: lacre ca renew makes the CA last longer`] : []
}

function longNameWarning({ names, account }: LeafRequest, { subject }: CertificateContent): string[] {
  const [first] = names
  if (account !== undefined || !first || first.value.length <= COMMON_NAME_LIMIT) return []
  const commonName = findAttribute(subject, 'CN') ?? ''
  return [`${formatCertificateName(first)} is longer than the 64 characters of a CN: the CN is ${commonName}, which no client looks at`]
}
