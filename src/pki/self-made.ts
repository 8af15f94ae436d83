import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CertificateError } from './certificate-error.ts'
import { makePrivateFolder, writeFileDurably, writeFolderDurably } from './durable-files.ts'
import { type CertificateName, formatCertificateName, parseCertificateNames } from './names.ts'
import { certificateNames, type Issuer, signCertificate } from './sign-certificate.ts'

export interface SelfMadeOptions {
  /** Holds `ca/` and `server/`, each 0700. Made if it is not there. */
  readonly directory: string
  /** Host names and addresses that clients use; the first names the CA. */
  readonly names: readonly string[]
  readonly now?: () => number
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

const MINUTE_MS = 60 * 1000
const DAY_MS = 24 * 60 * MINUTE_MS
const CA_LIFE_MS = 3650 * DAY_MS
const LEAF_LIFE_MS = 90 * DAY_MS // below the 825 days that Apple's systems accept
const RENEW_BEFORE_MS = 30 * DAY_MS
const CLOCK_SKEW_MS = 10 * MINUTE_MS

/**
 * Sees to it that there is a CA of our own and a server certificate signed by it for exactly these names.
 * What is valid stays; the server's certificate is renewed, with the same key, 30 days before its end or when the names change.
 * The CA is made once and never replaced. All files are durable on return.
 *
 * @throws CertificateError if a name is no name, or the CA that clients trust is incomplete, foreign or over.
 */
export async function ensureServerCertificate(options: SelfMadeOptions): Promise<SelfMadeCertificate> {
  const now = (options.now ?? Date.now)()
  const names = parseCertificateNames(options.names)
  if (names.length === 0) throw new CertificateError('a certificate needs a name', { hint: 'give the host name that clients will use' })

  const paths = pathsIn(options.directory)
  await makePrivateFolder(options.directory)
  const authority = await ensureAuthority(paths, names, now)
  const wanted: Wanted = { key: await ensureServerKey(paths), names, now }
  const kept = await findUsableLeaf(paths, authority.certificate, wanted)
  const leaf = kept ?? (await issueLeaf(paths, authority, wanted))
  return {
    certificatePath: paths.certificate,
    keyPath: paths.key,
    caPath: paths.ca,
    fingerprints: { ca: authority.certificate.fingerprint256, certificate: leaf.fingerprint256 },
    spkiPin: spkiPin(leaf),
    notAfter: leaf.validToDate,
    isNew: !kept,
  }
}

type Paths = ReturnType<typeof pathsIn>
type Authority = Required<Issuer>

/** What the server's certificate must be. */
interface Wanted {
  readonly key: KeyObject
  readonly names: readonly CertificateName[]
  readonly now: number
}

function pathsIn(directory: string) {
  const [caFolder, serverFolder] = [join(directory, 'ca'), join(directory, 'server')]
  return {
    caFolder,
    ca: join(caFolder, 'ca.crt'),
    caKey: join(caFolder, 'ca.key'),
    serverFolder,
    certificate: join(serverFolder, 'server.crt'),
    key: join(serverFolder, 'server.key'),
  }
}

async function ensureAuthority(paths: Paths, names: readonly CertificateName[], now: number): Promise<Authority> {
  const [certificate, key, leaf] = [await findText(paths.ca), await findText(paths.caKey), await findText(paths.certificate)]
  if (certificate !== undefined && key !== undefined) return checkAuthority(paths, certificate, key, now)
  if (certificate === undefined && key === undefined && leaf === undefined) return makeAuthority(paths, names, now)
  const missing = certificate === undefined ? paths.ca : paths.caKey
  throw new CertificateError(`the CA in ${paths.caFolder} is incomplete: ${missing} is missing`, {
    hint: `restore ${paths.caFolder} from a backup; or, to begin anew with a CA that all clients must be told to trust, remove ${paths.caFolder} and ${paths.serverFolder}`,
  })
}

function checkAuthority(paths: Paths, certificateText: string, keyText: string, now: number): Authority {
  const certificate = parseOr(() => new X509Certificate(certificateText), paths.ca)
  const key = parseOr(() => createPrivateKey(keyText), paths.caKey)
  if (!certificate.ca || !certificate.checkPrivateKey(key)) {
    throw new CertificateError(`${paths.caKey} is not the key of a CA certificate at ${paths.ca}`, { hint: `restore ${paths.caFolder} from a backup` })
  }
  if (certificate.validToDate.getTime() < now + DAY_MS) {
    throw new CertificateError(`the CA ${paths.ca} ends on ${certificate.validToDate.toISOString()}`, {
      hint: `to begin anew with a CA that all clients must be told to trust, remove ${paths.caFolder} and ${paths.serverFolder}`,
    })
  }
  return { certificate, key }
}

async function makeAuthority(paths: Paths, names: readonly CertificateName[], now: number): Promise<Authority> {
  const key = makeKey()
  const certificate = await signCertificate(
    { key },
    {
      profile: 'authority',
      commonName: authorityName(names, now),
      publicKey: createPublicKey(key),
      notBefore: new Date(now - CLOCK_SKEW_MS),
      notAfter: new Date(now + CA_LIFE_MS),
    },
  )
  await writeFolderDurably(paths.caFolder, {
    'ca.key': { text: formatKey(key), mode: 0o600 },
    'ca.crt': { text: certificate.toString(), mode: 0o644 },
  })
  return { certificate, key }
}

function authorityName(names: readonly CertificateName[], now: number): string {
  const suffix = ` ${new Date(now).getUTCFullYear()}`
  return `lacre ${names[0]?.value ?? ''}`.slice(0, 64 - suffix.length) + suffix // RFC 5280, appendix A.1: ub-common-name is 64
}

async function ensureServerKey(paths: Paths): Promise<KeyObject> {
  const text = await findText(paths.key)
  if (text !== undefined) return parseOr(() => createPrivateKey(text), paths.key)
  const key = makeKey()
  await makePrivateFolder(paths.serverFolder)
  await writeFileDurably(paths.key, formatKey(key), 0o600)
  return key
}

async function findUsableLeaf(paths: Paths, authority: X509Certificate, { key, names, now }: Wanted): Promise<X509Certificate | undefined> {
  const text = await findText(paths.certificate)
  if (text === undefined) return undefined
  const leaf = parseOr(() => new X509Certificate(text), paths.certificate, `remove ${paths.certificate}: it is made again`)
  const isOurs = leaf.checkPrivateKey(key) && leaf.checkIssued(authority) && leaf.verify(authority.publicKey)
  const isInTime = leaf.validFromDate.getTime() <= now && leaf.validToDate.getTime() - now >= RENEW_BEFORE_MS
  const isForNames = sameSet(certificateNames(leaf), names.map(formatCertificateName))
  return isOurs && isInTime && isForNames ? leaf : undefined
}

async function issueLeaf(paths: Paths, authority: Authority, { key, names, now }: Wanted): Promise<X509Certificate> {
  const leaf = await signCertificate(authority, {
    profile: 'server',
    commonName: names.find(({ value }) => value.length <= 64)?.value ?? 'lacre',
    publicKey: createPublicKey(key),
    names,
    notBefore: new Date(now - CLOCK_SKEW_MS),
    notAfter: new Date(now + LEAF_LIFE_MS),
  })
  await writeFileDurably(paths.certificate, leaf.toString(), 0o644)
  return leaf
}

function makeKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

function formatKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function spkiPin(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' })
  return `sha256//${createHash('sha256').update(spki).digest('base64')}`
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return new Set(a).symmetricDifference(new Set(b)).size === 0
}

async function findText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parseOr<T>(parse: () => T, path: string, hint = `restore ${path} from a backup`): T {
  try {
    return parse()
  } catch (cause) {
    throw new CertificateError(`${path} cannot be parsed`, { hint, cause })
  }
}
