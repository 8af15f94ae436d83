import type { X509Certificate } from 'node:crypto'
import { findPath, isSame, isSelfSigned } from './certificate-chain.ts'
import { certificateNames, readKeyUsage, readSubject } from './certificate-parts.ts'
import { hasNames } from './certificate-traits.ts'
import { findAttribute } from './distinguished-name.ts'
import { formatConstraints, permits, readNameConstraints } from './name-constraints.ts'
import type { CertificateName } from './names.ts'

export type Verifier = 'go' | 'openssl' | 'java' | 'browsers'

/** A server's chain as a client meets it. */
export interface Meeting {
  readonly leaf: X509Certificate
  /** What the server sends, its own first. */
  readonly chain: readonly X509Certificate[]
  /** What the client asked for. */
  readonly host: CertificateName
  /** What the client trusts; without it, whatever the chain leads to. */
  readonly trusted?: readonly X509Certificate[]
  readonly now: number
}

/** One thing that some verifiers refuse, in their words; those without words here accept it. */
interface Rule {
  readonly applies: (meeting: Meeting) => boolean
  readonly words: (meeting: Meeting) => Partial<Record<Verifier, string>>
  readonly why: (meeting: Meeting) => string
}

const DAY_MS = 24 * 60 * 60 * 1000
const APPLE_DAYS = 825 // https://support.apple.com/103769
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1' // RFC 5280, 4.2.1.12
const ANY_PURPOSE = '2.5.29.37.0'

/** Texts measured with Go 1.24, OpenSSL 3.0 (curl), Java 17; those of browsers are Chrome's. */
export const rules = {
  authority: {
    applies: ({ chain, trusted }) => trusted !== undefined && !findPath(chain, trusted),
    words: ({ chain, leaf }) => ({
      go: 'x509: certificate signed by unknown authority',
      openssl: isSelfSigned(leaf) ? 'self-signed certificate' : isSelfSigned(chain.at(-1) ?? leaf) ? 'self-signed certificate in certificate chain' : LOST,
      java: 'PKIX path building failed: unable to find valid certification path to requested target',
      browsers: 'NET::ERR_CERT_AUTHORITY_INVALID',
    }),
    why: ({ chain }) =>
      isSelfSigned(chain.at(-1) as X509Certificate)
        ? 'the CA that signed it is not the one that clients trust here: give them the right ca.crt'
        : 'nothing leads from it to a CA that clients trust: either that is another CA, or the server does not send the intermediate certificates after its own',
  },
  time: {
    applies: ({ chain, now }) => chain.some((certificate) => isOver(certificate, now) || isEarly(certificate, now)),
    words: ({ chain, now }) => {
      const over = chain.some((certificate) => isOver(certificate, now))
      return {
        go: 'x509: certificate has expired or is not yet valid',
        openssl: over ? 'certificate has expired' : 'certificate is not yet valid',
        java: 'PKIX path validation failed: validity check failed',
        browsers: 'NET::ERR_CERT_DATE_INVALID',
      }
    },
    why: ({ chain, now }) =>
      chain.some((certificate) => isOver(certificate, now))
        ? 'it is over, or its CA is: renew it'
        : 'it is not valid yet: look at the clocks of the client and of who issued it',
  },
  commonName: {
    applies: ({ leaf, host }) => !hasNames(leaf) && findCommonName(leaf)?.toLowerCase() === host.value,
    words: ({ host }) => ({
      go: host.kind === 'dns' ? 'x509: certificate relies on legacy Common Name field, use SANs instead' : noAddress(host),
      ...(host.kind === 'ip' && { java: 'No subject alternative names present' }),
      browsers: 'NET::ERR_CERT_COMMON_NAME_INVALID',
    }),
    why: () =>
      'it names its host by the CN alone: Go (since 1.15) and browsers look only at subjectAltName, while OpenSSL and Java still take the CN where there is no subjectAltName, so "curl works" proves nothing',
  },
  name: {
    applies: ({ leaf, host }) => !(hasNames(leaf) ? matches(leaf, host) : findCommonName(leaf)?.toLowerCase() === host.value),
    words: ({ leaf, host }) => ({
      go: otherName(leaf, host),
      openssl: hasNames(leaf)
        ? `no alternative certificate subject name matches target host name '${host.value}'`
        : `certificate subject name '${findCommonName(leaf) ?? ''}' does not match target host name '${host.value}'`,
      ...(!isCommonNameForJava(leaf, host) && { java: javaName(leaf, host) }),
      browsers: 'NET::ERR_CERT_COMMON_NAME_INVALID',
    }),
    why: ({ leaf, host }) =>
      `it is not for ${host.value}${isAddressAsName(leaf, host) ? ': it holds the address as a DNS name, which nobody compares with addresses' : ''}`,
  },
  purpose: {
    applies: ({ leaf }) => !isForServers(leaf),
    words: (meeting) => ({
      go: 'x509: certificate specifies an incompatible key usage',
      openssl: 'unsuitable certificate purpose',
      ...(!isTrustedItself(meeting) && { java: 'Extended key usage does not permit use for TLS server authentication' }),
      browsers: 'NET::ERR_CERT_INVALID',
    }),
    why: () => 'its extended key usage lacks serverAuth: it is for clients, not for servers',
  },
  keyUsage: {
    applies: ({ leaf }) => !signsHandshakes(leaf),
    words: (meeting) => ({
      openssl: 'unsuitable certificate purpose',
      ...(!isTrustedItself(meeting) && { java: 'KeyUsage does not allow digital signatures' }),
      browsers: 'ERR_SSL_KEY_USAGE_INCOMPATIBLE',
    }),
    why: ({ leaf }) =>
      leaf.ca
        ? "it is a CA's own certificate: its key signs certificates, not handshakes. Give the server a certificate that this CA has signed, and keep the CA key away from it"
        : 'its key usage lacks digitalSignature, which Go does not look at',
  },
  constraints: {
    applies: (meeting) => findForbidden(meeting) !== undefined,
    words: (meeting) => ({
      go: `x509: a root or intermediate certificate is not authorized to sign for this name: ${quoteName(findForbidden(meeting)?.name)} is not permitted by any constraint`,
      openssl: 'permitted subtree violation',
      ...(!isSelfSigned((findForbidden(meeting) as Forbidden).authority) && { java: 'PKIX path validation failed: name constraints check failed' }),
      browsers: 'NET::ERR_CERT_INVALID',
    }),
    why: (meeting) => {
      const { name, limits } = findForbidden(meeting) as Forbidden
      return `its CA may not vouch for ${name.value}, only for ${limits}: one such name makes clients refuse the whole certificate, but Java, which does not ask a root for its own limits`
    },
  },
  shortKey: {
    applies: ({ leaf }) => rsaBits(leaf) < 2048,
    words: ({ leaf }) => ({
      ...(rsaBits(leaf) < 1024 && { go: `crypto/rsa: ${rsaBits(leaf)}-bit keys are insecure` }),
      openssl: 'EE certificate key too weak',
      ...(rsaBits(leaf) < 1024 && { java: 'Algorithm constraints check failed on keysize limits' }),
      browsers: 'NET::ERR_CERT_WEAK_KEY',
    }),
    why: ({ leaf }) => `its RSA key has only ${rsaBits(leaf)} bits: verifiers draw the line at different lengths, and all take 2048 or P-256`,
  },
  weakDigest: {
    applies: ({ chain }) => chain.some((certificate) => hasWeakDigest(certificate) && !isSelfSigned(certificate)),
    words: () => ({
      go: 'x509: cannot verify signature: insecure algorithm',
      openssl: 'CA signature digest algorithm too weak',
      browsers: 'NET::ERR_CERT_WEAK_SIGNATURE_ALGORITHM',
    }),
    why: () => 'it is signed with SHA-1, which only Java still takes from CAs of your own: sign it again with SHA-256',
  },
  edwards: {
    applies: ({ leaf }) => leaf.publicKey.asymmetricKeyType === 'ed25519',
    words: () => ({ browsers: 'ERR_SSL_VERSION_OR_CIPHER_MISMATCH' }),
    why: () => 'its key is Ed25519, which Go, OpenSSL and Java know and no browser does: take P-256 for both',
  },
  authorityAsServer: {
    applies: ({ leaf }) => leaf.ca,
    words: () => ({ browsers: 'Firefox: MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY' }),
    why: () => 'it says CA:TRUE, as what openssl req -x509 makes: Firefox wants a CA and a server to be two certificates, all others take it',
  },
  longLife: {
    applies: ({ leaf }) => lifeDays(leaf) > APPLE_DAYS,
    words: () => ({ browsers: 'Safari, macOS and iOS: the certificate is not standards compliant' }),
    why: ({ leaf }) => `it is valid for ${lifeDays(leaf)} days: Apple's systems take ${APPLE_DAYS} at most, all others any number`,
  },
} as const satisfies Record<string, Rule>

export type RuleId = keyof typeof rules

const LOST = 'unable to get local issuer certificate'

/** Whether the certificate's own names, not its CN, hold the host. */
function matches(leaf: X509Certificate, { kind, value }: CertificateName): boolean {
  if (kind === 'ip') return leaf.checkIP(value) !== undefined
  return leaf.checkHost(value, { subject: 'never', partialWildcards: false }) !== undefined
}

/** Java asks what a certificate is for only if it is not one of those it trusts. */
function isTrustedItself({ leaf, trusted = [] }: Meeting): boolean {
  return trusted.some((certificate) => isSame(certificate, leaf))
}

function isForServers(leaf: X509Certificate): boolean {
  const purposes: readonly string[] | undefined = leaf.keyUsage // @NOTE Node calls the extended key usage `keyUsage`
  return !purposes?.length || purposes.includes(SERVER_AUTH) || purposes.includes(ANY_PURPOSE)
}

const HANDSHAKE = 0x80 | 0x20 | 0x08 // RFC 5280, 4.2.1.3: digitalSignature, keyEncipherment, keyAgreement

/** Whether the key usage, if there is any, lets the key be used in a handshake. */
function signsHandshakes(leaf: X509Certificate): boolean {
  const usage = readKeyUsage(leaf)
  return usage === undefined || (usage & HANDSHAKE) !== 0
}

function otherName(leaf: X509Certificate, host: CertificateName): string {
  const addresses = valuesOf(leaf, 'ip')
  if (host.kind === 'ip') return addresses.length > 0 ? `x509: certificate is valid for ${addresses.join(', ')}, not ${host.value}` : noAddress(host)
  const names = valuesOf(leaf, 'dns')
  if (names.length > 0) return `x509: certificate is valid for ${names.join(', ')}, not ${host.value}`
  return `x509: certificate is not valid for any names, but wanted to match ${host.value}`
}

/** Java takes the CN as soon as there is no DNS name, whatever addresses there are. */
function isCommonNameForJava(leaf: X509Certificate, host: CertificateName): boolean {
  return host.kind === 'dns' && valuesOf(leaf, 'dns').length === 0 && findCommonName(leaf)?.toLowerCase() === host.value
}

function findCommonName(leaf: X509Certificate): string | undefined {
  return findAttribute(readSubject(leaf), 'CN')
}

function quoteName({ kind, value }: CertificateName = { kind: 'dns', value: '' }): string {
  return `${kind === 'ip' ? 'IP address' : 'DNS name'} "${value}"`
}

function noAddress(host: CertificateName): string {
  return `x509: cannot validate certificate for ${host.value} because it doesn't contain any IP SANs`
}

function javaName(leaf: X509Certificate, host: CertificateName): string {
  if (host.kind === 'ip')
    return hasNames(leaf) ? `No subject alternative names matching IP address ${host.value} found` : 'No subject alternative names present'
  return valuesOf(leaf, 'dns').length > 0 ? `No subject alternative DNS name matching ${host.value} found.` : `No name matching ${host.value} found`
}

function valuesOf(leaf: X509Certificate, kind: 'dns' | 'ip'): string[] {
  return certificateNames(leaf)
    .filter((name) => name.startsWith(`${kind}:`))
    .map((name) => name.slice(kind.length + 1))
}

function isAddressAsName(leaf: X509Certificate, host: CertificateName): boolean {
  return host.kind === 'ip' && valuesOf(leaf, 'dns').includes(host.value)
}

interface Forbidden {
  readonly authority: X509Certificate
  readonly name: CertificateName
  readonly limits: string
}

/** The first name of the certificate that a CA above it may not vouch for. */
function findForbidden({ leaf, chain, trusted }: Meeting): Forbidden | undefined {
  const above = (trusted && findPath(chain, trusted)) ?? chain
  const names = (['dns', 'ip'] as const).flatMap((kind) => valuesOf(leaf, kind).map((value): CertificateName => ({ kind, value })))
  for (const authority of above.slice(1)) {
    const limits = readNameConstraints(authority)
    const name = limits && names.find((each) => !permits(limits, each))
    if (name) return { authority, name, limits: formatConstraints(limits) }
  }
  return undefined
}

function rsaBits({ publicKey }: X509Certificate): number {
  return publicKey.asymmetricKeyDetails?.modulusLength ?? Number.POSITIVE_INFINITY
}

function hasWeakDigest({ signatureAlgorithm = '' }: X509Certificate): boolean {
  return /sha1|md5/i.test(signatureAlgorithm)
}

function lifeDays({ validFromDate, validToDate }: X509Certificate): number {
  return Math.floor((validToDate.getTime() - validFromDate.getTime()) / DAY_MS)
}

function isOver({ validToDate }: X509Certificate, now: number): boolean {
  return validToDate.getTime() < now
}

function isEarly({ validFromDate }: X509Certificate, now: number): boolean {
  return validFromDate.getTime() > now
}
