import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { CertificateError } from '../pki/certificate-error.ts'
import { certificateNames, readSubject } from '../pki/certificate-parts.ts'
import { findAttribute } from '../pki/distinguished-name.ts'
import { type AskPassphrase, formatKey, readKeyFile } from '../pki/key-file.ts'
import { type KeyKind, makeKey } from '../pki/key-kind.ts'
import { CLOCK_SKEW_MS, DAY_MS, type LeafRequest, planLeaf } from '../pki/leaf-certificate.ts'
import { type CertificateName, formatCertificateName, parseCertificateNames } from '../pki/names.ts'
import { renewRoot, signCertificate } from '../pki/sign-certificate.ts'
import { dockerPaths, listPairs, readCertificate, readPair, readPlainKey } from './docker-pair.ts'
import type { Step } from './steps.ts'

/** Where the certificates are, and what it takes to sign. */
export interface DockerFolder {
  readonly directory: string
  /** How long certificates last; the CA lasts ten years. */
  readonly days: number
  readonly now: number
  /** Tells the passphrase of an encrypted CA key. */
  readonly askPassphrase: AskPassphrase
}

export interface CertificatePlan {
  readonly steps: readonly Step[]
  /** Certificates that are made, and those that stay as they are. */
  readonly certificates: readonly { readonly name: string; readonly certificate: X509Certificate; readonly isNew: boolean }[]
}

const CA_DAYS = 3650
const RESERVED = ['ca', 'server']

/** A CA (the one that is there, without `isForced`) and a server certificate for these names, localhost and 127.0.0.1. */
export async function planServer(
  folder: DockerFolder,
  wanted: { readonly names: readonly string[]; readonly kind: KeyKind; readonly isForced: boolean; obtainPassphrase(): Promise<string | undefined> },
): Promise<CertificatePlan> {
  const paths = dockerPaths(folder.directory, 'server')
  const names = parseCertificateNames([...wanted.names, 'localhost', '127.0.0.1'])
  const isKept = !wanted.isForced && (existsSync(paths.ca) || existsSync(paths.caKey))
  const authority = isKept ? await readAuthority(folder) : await makeAuthority(folder, names, wanted)
  const isKeyKept = !wanted.isForced && existsSync(paths.key)
  const key = isKeyKept ? await readPlainKey(paths.key, 'make it again, with all others: --force') : await makeKey(wanted.kind)
  const kept = isKept && isKeyKept ? await findUsable(folder, names) : undefined
  const certificate = kept ?? sign(folder, authority, { profile: 'server', names, publicKey: createPublicKey(key) })
  return {
    steps: [
      { kind: 'folder', path: folder.directory, mode: 0o700 },
      ...authority.steps,
      ...(isKeyKept ? [] : [keyStep(paths.key, await formatKey(key))]),
      ...(kept ? [] : [certificateStep(paths.certificate, certificate)]),
    ],
    certificates: [
      { name: 'ca', certificate: authority.certificate, isNew: !isKept },
      { name: 'server', certificate, isNew: !kept },
    ],
  }
}

/** A certificate by which docker knows a person or a machine; one that is there stays, without `isForced`. */
export async function planClient(folder: DockerFolder, name: string, { kind, isForced }: { kind: KeyKind; isForced: boolean }): Promise<CertificatePlan> {
  const paths = dockerPaths(folder.directory, checkClientName(name))
  if (!isForced && (existsSync(paths.certificate) || existsSync(paths.key))) {
    const { leaf } = await readPair(folder.directory, name, 'client', folder.now)
    return { steps: [], certificates: [{ name, certificate: leaf, isNew: false }] }
  }
  const authority = await readAuthority(folder)
  const key = await makeKey(kind)
  const certificate = sign(folder, authority, { profile: 'client', names: [], account: name, publicKey: createPublicKey(key) })
  return {
    steps: [keyStep(paths.key, await formatKey(key)), certificateStep(paths.certificate, certificate)],
    certificates: [{ name, certificate, isNew: true }],
  }
}

/** Every certificate (and the CA) of which two thirds of the life are over, or all: with the same keys, names and subjects. */
export async function planRenewal(folder: DockerFolder, isAll: boolean): Promise<CertificatePlan> {
  const { ca } = dockerPaths(folder.directory, 'server')
  const present = await readCertificate(ca, 'there is nothing to renew: begin with lacre docker-tls init --host NAME')
  const names = await listPairs(folder.directory)
  const read = names.map(async (name) => ({ name, certificate: await readCertificate(dockerPaths(folder.directory, name).certificate, 'remove the file') }))
  const pairs = (await Promise.all(read)).filter(({ certificate }) => certificate.checkIssued(present) && certificate.verify(present.publicKey))
  const isWanted = (certificate: X509Certificate) => isAll || isDue(certificate, folder.now)
  const isAuthorityDue = isDue(present, folder.now)
  const needed = isAuthorityDue || pairs.some(({ certificate }) => isWanted(certificate))
  if (!needed) return { steps: [], certificates: pairs.map((pair) => ({ ...pair, isNew: false })) }
  const authority = await readAuthority(folder, isAuthorityDue)
  const certificates = pairs.map(({ name, certificate }) =>
    isWanted(certificate) ? { name, certificate: resign(folder, authority, certificate), isNew: true } : { name, certificate, isNew: false },
  )
  const steps = certificates
    .filter(({ isNew }) => isNew)
    .map(({ name, certificate }) => certificateStep(dockerPaths(folder.directory, name).certificate, certificate))
  return {
    steps: [...authority.steps, ...steps],
    certificates: [...(isAuthorityDue ? [{ name: 'ca', certificate: authority.certificate, isNew: true }] : []), ...certificates],
  }
}

/** @throws CertificateError for a name that would be a path, or that of another file in the folder. */
function checkClientName(name: string): string {
  if (/^[\w@+-][\w.@+-]{0,63}$/.test(name) && !RESERVED.includes(name)) return name
  const why = RESERVED.includes(name) ? 'is taken' : 'is no name for a client'
  throw new CertificateError(`${JSON.stringify(name)} ${why}`, { hint: 'letters, digits and . _ - @ +, 64 at most: for example alice or ci-runner' })
}

interface Authority {
  readonly certificate: X509Certificate
  readonly key: KeyObject
  /** What must be written for it. */
  readonly steps: readonly Step[]
}

async function makeAuthority(
  folder: DockerFolder,
  [first]: readonly CertificateName[],
  { kind, obtainPassphrase }: { readonly kind: KeyKind; obtainPassphrase(): Promise<string | undefined> },
): Promise<Authority> {
  const { ca, caKey } = dockerPaths(folder.directory, 'server')
  const passphrase = await obtainPassphrase()
  const key = await makeKey(kind)
  const commonName = `docker CA ${first?.value ?? ''}`.slice(0, 64)
  const content = { profile: 'authority' as const, subject: [{ type: 'CN', value: commonName }], publicKey: createPublicKey(key), ...authorityLife(folder.now) }
  const certificate = signCertificate({ key }, content)
  return { key, certificate, steps: [keyStep(caKey, await formatKey(key, passphrase)), certificateStep(ca, certificate)] }
}

/** @param isRenewed whether its certificate is made anew, with the same key and subject: what it has signed stays good. */
async function readAuthority({ directory, now, askPassphrase }: DockerFolder, isRenewed = false): Promise<Authority> {
  const { ca, caKey } = dockerPaths(directory, 'server')
  const hint = 'bring it back from where it is kept; to begin anew with a CA that all hosts and clients must be given: lacre docker-tls init --force'
  const certificate = await readCertificate(ca, hint)
  if (!existsSync(caKey)) throw new CertificateError(`there is no ${caKey}, without which nothing can be signed`, { hint })
  const key = await readKeyFile(caKey, askPassphrase)
  if (!certificate.checkPrivateKey(key)) throw new CertificateError(`${caKey} is not the key of ${ca}`, { hint })
  if (isRenewed) {
    const renewed = renewRoot(key, certificate, authorityLife(now))
    return { certificate: renewed, key, steps: [certificateStep(ca, renewed)] }
  }
  if (certificate.validToDate.getTime() > now) return { certificate, key, steps: [] }
  throw new CertificateError(`the CA ${ca} ended on ${certificate.validToDate.toISOString()}`, { hint: 'renew it first: lacre docker-tls renew' })
}

function authorityLife(now: number) {
  return { notBefore: new Date(now - CLOCK_SKEW_MS), notAfter: new Date(now + CA_DAYS * DAY_MS) }
}

function sign({ days, now }: DockerFolder, authority: Authority, request: LeafRequest): X509Certificate {
  const { content } = planLeaf(authority.certificate, { ...request, days }, now)
  return signCertificate(authority, content)
}

/** The same once more: key, names, subject and purpose. */
function resign(folder: DockerFolder, authority: Authority, old: X509Certificate): X509Certificate {
  const purposes: readonly string[] = old.keyUsage ?? [] // @NOTE Node calls the extended key usage `keyUsage`
  const isClient = purposes.length === 1 && purposes[0] === '1.3.6.1.5.5.7.3.2'
  const subject = readSubject(old)
  const names = certificateNames(old).map(parseFormattedName)
  const account = findAttribute(subject, 'CN') ?? 'client'
  const request: LeafRequest = isClient
    ? { profile: 'client', account, names: names.filter(({ kind }) => kind !== 'uri'), subject, publicKey: old.publicKey }
    : { profile: 'server', names, subject, publicKey: old.publicKey }
  return sign(folder, authority, request)
}

function parseFormattedName(text: string): CertificateName {
  const at = text.indexOf(':')
  return { kind: text.slice(0, at) as CertificateName['kind'], value: text.slice(at + 1) }
}

/** The server's certificate, if it is for exactly these names and not due. */
async function findUsable({ directory, now }: DockerFolder, names: readonly CertificateName[]): Promise<X509Certificate | undefined> {
  const found = await readPair(directory, 'server', 'server', now).catch((error: unknown) => {
    if (error instanceof CertificateError) return undefined // whatever is wrong with it: it is made anew
    throw error
  })
  const isForNames = found && isDeepStrictEqual(certificateNames(found.leaf).sort(), names.map(formatCertificateName).sort())
  return isForNames && !isDue(found.leaf, now) ? found.leaf : undefined
}

/** After two thirds of its life. */
function isDue({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  return now - validFromDate.getTime() > ((validToDate.getTime() - validFromDate.getTime()) * 2) / 3
}

/** @NOTE document 004's modes: what is replaced once a year is not written to. */
function keyStep(path: string, text: string): Step {
  return { kind: 'file', path, text, mode: 0o400 }
}

function certificateStep(path: string, certificate: X509Certificate): Step {
  return { kind: 'file', path, text: certificate.toString(), mode: 0o444 }
}
