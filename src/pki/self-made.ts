import { createPrivateKey, createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { type Authority, type AuthorityOptions, createAuthority, openAuthority } from './authority.ts'
import { authorityPaths, findText, parseCertificate, parseOr, serverPaths } from './authority-files.ts'
import { CertificateError } from './certificate-error.ts'
import { chainOf } from './certificate-pair.ts'
import { certificateNames, readNames, readSubject } from './certificate-parts.ts'
import type { DistinguishedName } from './distinguished-name.ts'
import { makePrivateFolder, writeFileDurably } from './durable-files.ts'
import { formatKey } from './key-file.ts'
import { makeKey, spkiPin } from './key-kind.ts'
import { DAY_MS } from './leaf-certificate.ts'
import type { LedgerPen } from './ledger.ts'
import { constraintsFor, permits, readNameConstraints } from './name-constraints.ts'
import { type CertificateName, formatCertificateName, parseCertificateNames } from './names.ts'
import { readText } from './pem.ts'

/** The folder of the authority is made if it is not there; `server/` in it holds the server's own certificate. */
export interface SelfMadeOptions extends AuthorityOptions {
  /** Host names and addresses that clients use; the first names the CA. */
  readonly names: readonly string[]
  /** Names that nobody asked for by name: left out where the CA may not vouch for them. */
  readonly otherNames?: readonly string[]
}

export interface SelfMadeCertificate {
  readonly certificatePath: string
  readonly keyPath: string
  readonly caPath: string
  /** SHA-256 of the certificates, as `openssl x509 -fingerprint -sha256` writes it. */
  readonly fingerprints: { readonly ca: string; readonly certificate: string }
  /** The server's public key, as `curl --pinnedpubkey` takes it: `sha256//…`. Renewals keep it. */
  readonly spkiPin: string
  readonly notAfter: Date
  /** Whether this call made a certificate; otherwise the one there was still good. */
  readonly isNew: boolean
}

const RENEW_BEFORE_MS = 30 * DAY_MS

/**
 * Sees to it that there is a CA of our own and a server certificate signed by it for exactly these names, and those
 * of {@link rememberNames}.
 * What is valid stays; the server's certificate is renewed, with the same key, 30 days before its end or when the names change.
 * The CA is made once and never replaced; its key is needed only when something must be signed. All files are durable on return.
 *
 * @throws CertificateError if a name is no name, or the CA must sign and is incomplete, foreign or over.
 */
export async function ensureServerCertificate(options: SelfMadeOptions): Promise<SelfMadeCertificate> {
  const now = (options.now ?? Date.now)()
  const remembered = await readRemembered(options.directory)
  const names = parseCertificateNames([...options.names, ...remembered, ...(options.otherNames ?? [])])
  if (names.length === 0) throw new CertificateError('a certificate needs a name', { hint: 'give the host name that clients will use' })

  await makePrivateFolder(options.directory)
  const authority = await ensureAuthority(options, names)
  const constraints = readNameConstraints(authority.certificate)
  const asked = new Set(parseCertificateNames([...options.names, ...remembered]).map(formatCertificateName))
  const kept = names.filter((name) => asked.has(formatCertificateName(name)) || permits(constraints, name))
  return options.ledger.exclusively((pen) => ensureLeaf(authority, pen, { directory: options.directory, names: kept, now }))
}

/** Has every later certificate of the server carry these names too, whatever else it is made for. */
export async function rememberNames(directory: string, names: readonly CertificateName[]): Promise<void> {
  const all = new Set([...(await readRemembered(directory)), ...names.map(({ value }) => value)])
  await writeFileDurably(serverPaths(directory).remembered, [...all, ''].join('\n'), 0o644)
}

async function readRemembered(directory: string): Promise<string[]> {
  const text = await findText(serverPaths(directory).remembered)
  return (text ?? '').split('\n').filter((name) => name !== '')
}

/**
 * Issues the server's certificate again, for the names and with the subject and key that it has, whatever is left of it.
 *
 * @throws CertificateError if there is none, or the CA cannot sign.
 */
export async function renewServerCertificate(options: AuthorityOptions): Promise<X509Certificate> {
  const paths = serverPaths(options.directory)
  const authority = await openAuthority(options)
  return options.ledger.exclusively(async (pen) => {
    const leaf = parseCertificate(await readText(paths.certificate, "server's certificate"), paths.certificate)
    const wanted = { directory: options.directory, names: readNames(leaf), subject: readSubject(leaf), now: (options.now ?? Date.now)() }
    return issueLeaf(authority, pen, await ensureServerKey(paths), wanted)
  })
}

/** What the server's certificate must be. */
interface Wanted {
  readonly directory: string
  readonly names: readonly CertificateName[]
  /** Without one, the first name is the CN. */
  readonly subject?: DistinguishedName
  readonly now: number
}

async function ensureLeaf(authority: Authority, pen: LedgerPen, wanted: Wanted): Promise<SelfMadeCertificate> {
  const paths = serverPaths(wanted.directory)
  const key = await ensureServerKey(paths)
  const kept = await findUsableLeaf(authority.certificate, key, wanted)
  const leaf = kept ?? (await issueLeaf(authority, pen, key, wanted))
  return {
    certificatePath: paths.certificate,
    keyPath: paths.key,
    caPath: authorityPaths(wanted.directory).certificate,
    fingerprints: { ca: authority.certificate.fingerprint256, certificate: leaf.fingerprint256 },
    spkiPin: spkiPin(leaf),
    notAfter: leaf.validToDate,
    isNew: !kept,
  }
}

async function ensureAuthority(options: SelfMadeOptions, names: readonly CertificateName[]): Promise<Authority> {
  const paths = authorityPaths(options.directory)
  const [certificate, key, leaf] = [await findText(paths.certificate), await findText(paths.key), await findText(serverPaths(options.directory).certificate)]
  if (certificate !== undefined) return openAuthority(options)
  if (key === undefined && leaf === undefined) {
    const permit = constraintsFor(names)
    return createAuthority({ ...options, name: authorityName(names, options.now ?? Date.now), ...(permit && { permit }) })
  }
  throw new CertificateError(`the CA in ${paths.folder} is incomplete: ${paths.certificate} is missing`, {
    hint: `restore ${paths.folder} from a backup; or, to begin anew with a CA that all clients must be told to trust, remove ${options.directory}`,
  })
}

function authorityName(names: readonly CertificateName[], now: () => number): string {
  const suffix = ` ${new Date(now()).getUTCFullYear()}`
  return `lacre ${names[0]?.value ?? ''}`.slice(0, 64 - suffix.length) + suffix // RFC 5280, appendix A.1: ub-common-name is 64
}

async function ensureServerKey(paths: ReturnType<typeof serverPaths>): Promise<KeyObject> {
  const text = await findText(paths.key)
  if (text !== undefined) return parseOr(() => createPrivateKey(text), paths.key)
  const key = await makeKey('ec:p256')
  await makePrivateFolder(paths.folder)
  await writeFileDurably(paths.key, await formatKey(key), 0o600)
  return key
}

async function findUsableLeaf(authority: X509Certificate, key: KeyObject, { directory, names, now }: Wanted): Promise<X509Certificate | undefined> {
  const path = serverPaths(directory).certificate
  const text = await findText(path)
  if (text === undefined) return undefined
  const leaf = parseCertificate(text, path, `remove ${path}: it is made again`)
  const isOurs = leaf.checkPrivateKey(key) && leaf.checkIssued(authority) && leaf.verify(authority.publicKey)
  const isInTime = leaf.validFromDate.getTime() <= now && leaf.validToDate.getTime() - now >= RENEW_BEFORE_MS
  const isForNames = sameSet(certificateNames(leaf), names.map(formatCertificateName))
  return isOurs && isInTime && isForNames ? leaf : undefined
}

async function issueLeaf(authority: Authority, pen: LedgerPen, key: KeyObject, { directory, names, subject }: Wanted): Promise<X509Certificate> {
  const { certificate } = await authority.issueWith(pen, { profile: 'server', names, publicKey: createPublicKey(key), ...(subject && { subject }) })
  await writeFileDurably(serverPaths(directory).certificate, chainOf(authority, certificate), 0o644)
  return certificate
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return new Set(a).symmetricDifference(new Set(b)).size === 0
}
