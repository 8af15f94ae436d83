import type { KeyObject, X509Certificate } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Authority, type AuthorityOptions, installAuthority } from './authority.ts'
import { isSame } from './certificate-chain.ts'
import { CertificateError } from './certificate-error.ts'
import { readCertificates } from './certificate-files.ts'
import { isForClients } from './certificate-pair.ts'
import { readKeyUsage } from './certificate-parts.ts'
import { formatKey } from './key-file.ts'
import { signingAlgorithm } from './key-kind.ts'
import { readLastLists } from './last-list.ts'
import type { LedgerEntry } from './ledger.ts'
import { ledgerEntry, lostEntry } from './ledger-entry.ts'
import { type IndexedRevocation, readIndex } from './openssl-index.ts'
import { isOrdinaryFile, readOrdinaryFile } from './ordinary-file.ts'
import type { Revocation } from './revocation-list.ts'
import { parseRevokedCertificates } from './revoked-certificates.ts'

/** A CA that another program has made, as it was found. */
export interface FoundAuthority {
  /** Whose folder it is, for people: `easy-rsa`. */
  readonly program: string
  readonly certificate: X509Certificate
  readonly certificatePath: string
  /** Maybe encrypted; not read here. */
  readonly keyPath: string
  /** What it has issued, as far as it is still there, the revoked marked. */
  readonly issued: readonly LedgerEntry[]
  /** The highest of its revocation lists, 0 without one: lists made here follow it. */
  readonly listNumber: number
}

/** Where programs keep a CA. `certificates` are folders with what was issued. */
interface Layout {
  readonly program: string
  readonly certificate: string
  readonly key: string
  readonly certificates: readonly string[]
}

const layouts: readonly Layout[] = [
  { program: 'easy-rsa', certificate: 'ca.crt', key: 'private/ca.key', certificates: ['issued', 'certs_by_serial', 'revoked/certs_by_serial'] },
  { program: 'mkcert', certificate: 'rootCA.pem', key: 'rootCA-key.pem', certificates: ['.'] },
  { program: 'openssl ca', certificate: 'cacert.pem', key: 'private/cakey.pem', certificates: ['.', 'certs', 'newcerts'] },
  { program: 'openssl', certificate: 'ca.pem', key: 'ca-key.pem', certificates: ['.', 'certs', 'newcerts'] },
]

/**
 * Finds the CA in a folder of certstrap, easy-rsa, mkcert or openssl, or a CA's certificate with its key beside.
 *
 * @param name Which one, where a folder holds several: the name of its file, or its CN.
 * @throws CertificateError if there is none, or several and no name.
 */
export async function findAuthority(directory: string, name?: string): Promise<FoundAuthority> {
  const layout = layouts.find(({ certificate, key }) => isOrdinaryFile(join(directory, certificate)) && isOrdinaryFile(join(directory, key)))
  const found = layout ? await readLayout(directory, layout) : await findBeside(directory, name)
  const lists = await readLastLists(await listPaths(directory), [found.certificate])
  const listed = lists.flatMap(({ revoked }) => revoked)
  const issued = await readIssued(directory, found.certificate, layout?.certificates ?? ['.'], listed)
  return { ...found, issued, listNumber: Math.max(0, ...lists.map(({ number = 0 }) => number)) }
}

/** A CA of two files that are named: nothing else is known of it. @throws CertificateError if the first holds no CA. */
export async function readPair(certificatePath: string, keyPath: string): Promise<FoundAuthority> {
  const [certificate] = await readCertificates(certificatePath)
  return { program: 'a pair of files', certificate: checkCa(certificate, certificatePath), certificatePath, keyPath, issued: [], listNumber: 0 }
}

export interface TakeoverOptions extends AuthorityOptions {
  /** Of the key as it was found. */
  readonly key: KeyObject
  /** Encrypts the key as it is kept here. */
  readonly passphrase?: string
  /** Puts a CA that is here already aside. */
  readonly replace?: boolean
}

/**
 * Makes a CA that was found the one of our own folder, with what it has issued in the ledger. What was found stays as it is.
 *
 * @throws CertificateError if the key is not its key, or there is a CA here already.
 */
export async function takeOver({ certificate, certificatePath, keyPath, issued, listNumber }: FoundAuthority, options: TakeoverOptions): Promise<Authority> {
  const { key, passphrase } = options
  if (!certificate.checkPrivateKey(key)) {
    throw new CertificateError(`${keyPath} is not the key of the CA certificate ${certificatePath}`, { hint: 'name both with --cert FILE --key FILE' })
  }
  signingAlgorithm(key) // throws for one that lacre could not sign with later
  const own = ledgerEntry(certificate, 'authority')
  const isTaken = issued.some(({ serial }) => serial === own.serial) // certstrap and old openssl number their CAs with 1
  return installAuthority(options, async () => ({
    files: { 'ca.key': { text: await formatKey(key, passphrase), mode: 0o600 }, 'ca.crt': { text: certificate.toString(), mode: 0o644 } },
    entries: isTaken ? issued : [own, ...issued],
    listNumber,
  }))
}

/** What clients will say of the CA, though it can be taken over. */
export function authorityWarnings(certificate: X509Certificate): string[] {
  const bits = certificate.publicKey.asymmetricKeyDetails?.modulusLength ?? SHORTEST_RSA
  return [
    ...(bits < SHORTEST_RSA
      ? [`its RSA key has only ${bits} bits: OpenSSL and Go clients refuse it; put another CA in its place: lacre ca rotate prepare`]
      : []),
    ...(readKeyUsage(certificate) === undefined
      ? ['it says nothing of what its key is for (keyUsage): strict clients, such as Python from 3.13 on, refuse it']
      : []),
  ]
}

const SHORTEST_RSA = 2048

type Pair = Omit<FoundAuthority, 'issued' | 'listNumber'>

async function readLayout(directory: string, { program, certificate, key }: Layout): Promise<Pair> {
  const certificatePath = join(directory, certificate)
  const [found] = await readCertificates(certificatePath)
  return { program, certificate: checkCa(found, certificatePath), certificatePath, keyPath: join(directory, key) }
}

/** certstrap's depot, and everybody's own: `NAME.crt` with `NAME.key`, or `NAME.pem` with `NAME-key.pem`. */
async function findBeside(directory: string, name: string | undefined): Promise<Pair> {
  const files = await readCertificateFiles(directory)
  const pairs = files.flatMap(({ path, certificate }): Pair[] => {
    const keyPath = findKeyBeside(path)
    return certificate.ca && keyPath ? [{ program: programOf(path), certificate, certificatePath: path, keyPath }] : []
  })
  const [first, second] = name === undefined ? pairs : pairs.filter((pair) => isNamed(pair, name))
  if (first && !second) return first
  const names = pairs.map(({ certificatePath }) => basename(certificatePath).replace(/\.\w+$/, '')).join(', ')
  if (first) throw new CertificateError(`${directory} holds several CAs: ${names}`, { hint: 'say which one with --name NAME' })
  if (pairs.length > 0) throw new CertificateError(`${directory} holds no CA called ${JSON.stringify(name)}`, { hint: `there are ${names}` })
  throw new CertificateError(`${directory} holds no CA that lacre knows: a certificate that says CA:TRUE, with its key beside`, {
    hint: "name the folder of certstrap's depot (out), easy-rsa's pki, mkcert -CAROOT, or the two files with --cert FILE --key FILE",
  })
}

function isNamed({ certificate, certificatePath }: Pair, name: string): boolean {
  return basename(certificatePath).replace(/\.\w+$/, '') === name.replaceAll(' ', '_') || certificate.subject.split('\n').includes(`CN=${name}`)
}

function findKeyBeside(path: string): string | undefined {
  const stem = path.replace(/\.\w+$/, '')
  return [`${stem}.key`, `${stem}-key.pem`, `${stem}.key.pem`].find(isOrdinaryFile)
}

/** certstrap writes a revocation list beside each CA at once. */
function programOf(path: string): string {
  return isOrdinaryFile(path.replace(/\.\w+$/, '.crl')) ? 'certstrap' : 'a folder of certificates'
}

function checkCa(certificate: X509Certificate, path: string): X509Certificate {
  if (certificate.ca) return certificate
  throw new CertificateError(`${path} is no CA's certificate: it does not say CA:TRUE`, { hint: 'name the certificate of the CA, not one that it has signed' })
}

async function readIssued(directory: string, authority: X509Certificate, folders: readonly string[], listed: readonly Revocation[]): Promise<LedgerEntry[]> {
  const files = (await Promise.all(folders.map((folder) => readCertificateFiles(join(directory, folder))))).flat()
  const signed = files.map(({ certificate }) => certificate).filter((certificate) => isIssuedBy(certificate, authority))
  const entries = new Map(signed.map((certificate) => [certificate.fingerprint256, ledgerEntry(certificate, profileOf(certificate))]))
  const indexed = await readIndex(join(directory, 'index.txt'))
  const known = [...new Map([...entries.values()].map((entry) => [entry.serial, entry])).values()]
  const revocations = new Map([...listed, ...indexed].map((each) => [each.serial, each]))
  const revoked = known.map((entry) => ({ ...entry, ...revocationOf(revocations.get(entry.serial)) }))
  const lost = [...revocations.values()].filter(({ serial }) => !known.some((entry) => entry.serial === serial))
  return [...revoked, ...lost.map((revocation) => ({ ...lostEntry(revocation, authority), ...indexedParts(revocation) }))]
}

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return !isSame(certificate, authority) && certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}

function profileOf(certificate: X509Certificate): LedgerEntry['profile'] {
  if (certificate.ca) return 'authority'
  return isForClients(certificate) ? 'client' : 'server'
}

function revocationOf(revocation: Revocation | undefined): Pick<LedgerEntry, 'revokedAt' | 'reason'> {
  return revocation ? { revokedAt: revocation.at, reason: revocation.reason ?? 'unspecified' } : {}
}

/** An index knows more of a certificate whose file is gone than a list does. */
function indexedParts(revocation: Revocation | IndexedRevocation): Partial<LedgerEntry> {
  return 'notAfter' in revocation ? { subject: revocation.subject, notAfter: revocation.notAfter } : {}
}

/** The revocation lists that lie about. @throws CertificateError for one that says nothing: what it revoked would be valid again. */
async function listPaths(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => /(?:\.crl|crl\.(?:pem|der))$/.test(name))
  const paths = names.map((name) => join(directory, name))
  for (const path of paths) parseRevokedCertificates(await readOrdinaryFile(path), path)
  return paths
}

interface CertificateFile {
  readonly path: string
  readonly certificate: X509Certificate
}

/** The first certificate of each file of a folder; what is no certificate is none of our business. */
async function readCertificateFiles(folder: string): Promise<CertificateFile[]> {
  const names = await readdir(folder).catch(() => [])
  const wanted = names.filter((name) => /\.(?:crt|pem|cer|cert)$/i.test(name) && !/key\.pem$/i.test(name)).sort()
  const read = async (name: string): Promise<CertificateFile[]> => {
    const path = join(folder, name)
    const [certificate] = isOrdinaryFile(path) ? await readCertificates(path).catch(() => []) : []
    return certificate ? [{ path, certificate }] : []
  }
  return (await Promise.all(wanted.map(read))).flat()
}
