import type { X509Certificate } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type FolderCertificate, readFolder } from './certificate-folder.ts'
import { findCommonName, hasNames, signsCertificates } from './certificate-traits.ts'

/** Where a server's certificate (with its intermediates) and private key are, both PEM. */
export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
}

/** Something that clients will trip over, or that gives the registry away, though the server can run with it. */
export interface Problem {
  /** Stable, for tests and logs, for example `no-san`. */
  readonly id: string
  /** Names the file, and what clients will say. */
  readonly sentence: string
  readonly remedy: string
}

const DAY_MS = 24 * 60 * 60 * 1000
/** Problems begin this long before a certificate ends, and no earlier than in the last quarter of its life: some live for six days. */
const EXPIRY_NOTICE_MS = 14 * DAY_MS
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1' // RFC 5280, 4.2.1.12
const ANY_PURPOSE = '2.5.29.37.0'
const HOST_NAME = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?$/i

/** All that is wrong with a server's certificate, key and folder. */
export async function findProblems(files: CertificateFiles, chain: readonly X509Certificate[], now: number): Promise<Problem[]> {
  const [leaf] = chain
  if (!leaf) return []
  const folder = await readFolder([dirname(files.certificate), dirname(files.key)])
  const found = [
    findNameProblem(leaf, files.certificate, folder.certificates),
    ...chain.map((certificate) => findExpiryProblem(certificate, files.certificate, now)),
    findPurposeProblem(leaf, files.certificate),
    findShortKey(leaf, files.certificate),
    await findReadableKey(files.key),
    ...folder.authorityKeys(leaf).map((path) => authorityKeyProblem(path, files)),
  ]
  return found.filter((problem) => problem !== undefined)
}

/** Not valid yet, over, or over soon. */
export function findExpiryProblem(certificate: X509Certificate, path: string, now: number): Problem | undefined {
  const from = certificate.validFromDate
  const until = certificate.validToDate
  const error = '"x509: certificate has expired or is not yet valid"'
  const remedy = `put a new certificate at ${path}; it is picked up without a restart`
  if (now < from.getTime()) {
    const sentence = `the certificate in ${path} is not valid before ${from.toISOString()}: until then clients will say ${error}`
    return { id: 'not-yet-valid', sentence, remedy: 'check the clock of this machine, or wait, or issue the certificate again' }
  }
  if (now > until.getTime())
    return { id: 'expired', sentence: `the certificate in ${path} expired on ${until.toISOString()}: clients will say ${error}`, remedy }
  const leftMs = until.getTime() - now
  if (leftMs > Math.min(EXPIRY_NOTICE_MS, (until.getTime() - from.getTime()) / 4)) return undefined
  const days = Math.floor(leftMs / DAY_MS)
  return {
    id: 'expires-soon',
    sentence: `the certificate in ${path} expires on ${until.toISOString()}, in ${days} days: clients will then say ${error}`,
    remedy,
  }
}

function findNameProblem(leaf: X509Certificate, path: string, folder: readonly FolderCertificate[]): Problem | undefined {
  if (hasNames(leaf)) return undefined
  const commonName = findCommonName(leaf)
  const issued = folder.find(({ certificate }) => certificate.fingerprint256 !== leaf.fingerprint256 && certificate.checkIssued(leaf))
  if (leaf.ca && (issued || signsCertificates(leaf))) return authorityAsServer(path, issued?.path)

  const isHostName = leaf.subjectAltName === undefined && commonName !== undefined && HOST_NAME.test(commonName)
  const error = isHostName
    ? 'certificate relies on legacy Common Name field, use SANs instead'
    : 'certificate is not valid for any names, but wanted to match HOST'
  return {
    id: 'no-san',
    sentence: `the certificate in ${path} has no host name or address as subjectAltName (the CN ${JSON.stringify(commonName ?? '')} does not count): docker and all other Go clients will say "x509: ${error}"`,
    remedy: `issue it again with the names that clients use, for example with: openssl req … -addext 'subjectAltName=DNS:${isHostName ? commonName : 'HOST'}'`,
  }
}

function authorityAsServer(path: string, issuedPath: string | undefined): Problem {
  return {
    id: 'ca-as-server',
    sentence: `the certificate in ${path} is a CA's own, not a server's: clients will say "x509: certificate is not valid for any names, but wanted to match HOST"`,
    remedy: `give the server a certificate that this CA has signed${issuedPath ? ` (was ${issuedPath} meant?)` : ''} and its key, and keep the CA's key off this machine`,
  }
}

function findPurposeProblem(leaf: X509Certificate, path: string): Problem | undefined {
  const purposes: readonly string[] | undefined = leaf.keyUsage // @NOTE Node calls the extended key usage `keyUsage`
  if (!purposes?.length || purposes.includes(SERVER_AUTH) || purposes.includes(ANY_PURPOSE)) return undefined
  return {
    id: 'not-for-servers',
    sentence: `the certificate in ${path} is not for servers (its extended key usage lacks serverAuth): clients will say "x509: certificate specifies an incompatible key usage"`,
    remedy: 'issue it again with extendedKeyUsage=serverAuth',
  }
}

function findShortKey(leaf: X509Certificate, path: string): Problem | undefined {
  const bits = leaf.publicKey.asymmetricKeyDetails?.modulusLength
  if (bits === undefined || bits >= 2048) return undefined
  return {
    id: 'short-key',
    sentence: `the certificate in ${path} has an RSA key of only ${bits} bits: curl and other OpenSSL clients will say "EE certificate key too weak"`,
    remedy: 'issue it again with a new key: P-256, or RSA of 2048 bits or more',
  }
}

async function findReadableKey(path: string): Promise<Problem | undefined> {
  const { mode } = await stat(path)
  if ((mode & 0o044) === 0 || process.platform === 'win32') return undefined
  const octal = (mode & 0o777).toString(8).padStart(4, '0')
  return {
    id: 'readable-key',
    sentence: `the private key ${path} can be read by other users of this machine (mode ${octal}): with it they can pose as this registry, and clients will not notice`,
    remedy: `chmod 600 ${path} (in Kubernetes: defaultMode 0400 on the volume)`,
  }
}

function authorityKeyProblem(path: string, files: CertificateFiles): Problem {
  return {
    id: 'ca-key-beside',
    sentence: `the private key of a CA, ${path}, lies beside the server's own: who gets into this folder can make certificates for any name, and clients will believe them`,
    remedy: `move ${path} to where no server runs; the registry needs only ${files.certificate} and ${files.key}`,
  }
}
