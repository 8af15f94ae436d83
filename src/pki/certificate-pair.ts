import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Authority, Issued } from './authority.ts'
import { checkPair, fileNameOf } from './bundles.ts'
import { isSame, isSelfSigned } from './certificate-chain.ts'
import { CertificateError } from './certificate-error.ts'
import { readCertificates } from './certificate-files.ts'
import { certificateNames, readSubject } from './certificate-parts.ts'
import { hasNames } from './certificate-traits.ts'
import { formatKey, readKeyFile } from './key-file.ts'
import { DAY_MS } from './leaf-certificate.ts'
import type { LedgerEntry } from './ledger.ts'
import { type CertificateName, parseCertificateNames } from './names.ts'
import type { NewFile } from './new-files.ts'
import { isCertificate, isPrivateKey, readPem } from './pem.ts'

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1' // RFC 5280, 4.2.1.12
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** A certificate and its key in a folder, whatever they are called there. */
export interface CertificatePair {
  readonly folder: string
  readonly certificatePath: string
  readonly keyPath: string
  readonly certificate: X509Certificate
  readonly key: KeyObject
}

/** The pairs in a folder; a CA that lies beside is none. */
export async function findPairs(folder: string): Promise<CertificatePair[]> {
  const names = await candidates(folder)
  const keys = await readEach(names, async (name) => ({ keyPath: join(folder, name), key: await readKeyFile(join(folder, name)) }))
  const certificates = await readEach(names, async (name) => ({
    certificatePath: join(folder, name),
    certificate: (await readCertificates(join(folder, name)))[0],
  }))
  return certificates.flatMap((found) => {
    if (found.certificate.ca && !hasNames(found.certificate)) return []
    const own = keys.find(({ key }) => found.certificate.checkPrivateKey(key))
    return own ? [{ folder, ...found, ...own }] : []
  })
}

/** @throws CertificateError if there is none; what lies there and is no pair is explained. */
export async function getPairs(folder: string): Promise<CertificatePair[]> {
  const pairs = await findPairs(folder)
  if (pairs.length > 0) return pairs
  const blocks = (await readEach(await candidates(folder), (name) => readPem(join(folder, name), 'pair'))).flat()
  const [certificate, key] = [blocks.find(isCertificate), blocks.find(isPrivateKey)]
  if (certificate && key) checkPair(certificate.text, key.text, folder)
  throw new CertificateError(`there is no certificate with its key in ${folder}`, {
    hint: '"lacre cert list" shows what was issued; name the folder with --out DIR or --from DIR if it is elsewhere',
  })
}

/** The one pair of some that is meant. @throws CertificateError if it is none of them, or several are as good. */
export function choosePair(pairs: readonly CertificatePair[], { name, profile }: { name?: string; profile?: 'server' | 'client' }): CertificatePair {
  const suiting = profile ? pairs.filter(({ certificate }) => suits(certificate, profile)) : pairs
  const named = name === undefined ? suiting : suiting.filter((pair) => isNamed(pair, name))
  const [first, second] = named
  if (first && !second) return first
  const paths = (first ? named : pairs).map(({ certificatePath }) => certificatePath).join(', ')
  const wanted = `${profile ? ` for a ${profile}` : ''}${name === undefined ? '' : ` called ${name}`}`
  if (first) throw new CertificateError(`there are several certificates${wanted}: ${paths}`, { hint: 'say which one by its NAME, or by its folder' })
  throw new CertificateError(`there is no certificate${wanted}${pairs.length > 0 ? ` among ${paths}` : ''}`, {
    hint: `make one: lacre cert issue ${profile ?? 'server'} NAME`,
  })
}

function isNamed({ certificate, certificatePath }: CertificatePair, name: string): boolean {
  const names = certificateNames(certificate).map((own) => own.replace(/^(?:dns|ip|uri):(?:lacre:account\/)?/, ''))
  return names.includes(name) || basename(certificatePath).replace(/\.\w+$/, '') === fileNameOf(name)
}

/** Without an extended key usage, a certificate is for both. */
function suits({ keyUsage }: X509Certificate, profile: 'server' | 'client'): boolean {
  const purposes: readonly string[] = keyUsage ?? [] // @NOTE Node calls the extended key usage `keyUsage`
  return purposes.length === 0 || purposes.includes(profile === 'client' ? CLIENT_AUTH : SERVER_AUTH)
}

/** The folders of a PKI that hold pairs: what was issued, and the server's own. */
export async function pairFolders(directory: string): Promise<string[]> {
  const issued = join(directory, 'issued')
  const names = await readdir(issued).catch(() => [])
  return [join(directory, 'server'), ...names.sort().map((name) => join(issued, name))]
}

export interface Renewal {
  /** The ledger's word on the certificate that is renewed. */
  readonly entry: LedgerEntry
  /** In the place of the names it has. */
  readonly names?: readonly CertificateName[]
  /** Makes a new key of the same kind with this. */
  readonly makeKey?: () => Promise<KeyObject>
}

/** Signs the certificate of a pair again, for as long as before: what is to be written in its place. */
export async function renewPair(authority: Authority, pair: CertificatePair, renewal: Renewal): Promise<{ issued: Issued; files: NewFile[] }> {
  const { certificate } = pair
  const key = renewal.makeKey ? await renewal.makeKey() : pair.key
  const issued = await authority.issue({
    profile: renewal.entry.profile === 'client' ? 'client' : 'server',
    names: renewal.names ?? namesOf(certificate),
    subject: readSubject(certificate),
    publicKey: createPublicKey(key),
    ...lifeOf(authority, certificate),
  })
  const chain = chainOf(authority, issued.certificate)
  const keyFile = renewal.makeKey ? [{ name: basename(pair.keyPath), text: await formatKey(key), mode: 0o600 }] : []
  return { issued, files: [...keyFile, { name: basename(pair.certificatePath), text: chain, mode: 0o644 }] }
}

/** PEM for a server: its own certificate, then that of the CA where it is no root. */
export function chainOf({ certificate: authority }: Authority, certificate: X509Certificate): string {
  return certificate.toString() + (isSelfSigned(authority) ? '' : authority.toString())
}

/** @throws CertificateError if this CA has not issued the certificate, or it is revoked. */
export function findEntry(authority: Authority, { certificate, certificatePath }: CertificatePair): LedgerEntry {
  const entry = authority.list().find(({ fingerprint256 }) => fingerprint256 === certificate.fingerprint256)
  if (!entry || isSame(certificate, authority.certificate)) {
    throw new CertificateError(`${certificatePath} was not issued by this CA`, {
      hint: 'who issued it must renew it; lacre cert request makes a request from its names',
    })
  }
  if (entry.revokedAt) throw new CertificateError(`${certificatePath} is revoked`, { hint: 'issue another: lacre cert issue' })
  return entry
}

/** The names of a certificate, for one like it. */
export function namesOf(certificate: X509Certificate): CertificateName[] {
  return parseCertificateNames(certificateNames(certificate).map((name) => name.replace(/^(?:dns|ip|uri):/, '')))
}

/** Whether a certificate is for clients alone. */
export function isForClients({ keyUsage }: X509Certificate): boolean {
  const purposes: readonly string[] = keyUsage ?? [] // @NOTE Node calls the extended key usage `keyUsage`
  return purposes.includes(CLIENT_AUTH) && !purposes.includes(SERVER_AUTH)
}

/** Whether two thirds of its life are over. */
export function isDue({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  const [from, until] = [validFromDate.getTime(), validToDate.getTime()]
  return now >= from + ((until - from) * 2) / 3
}

/** As long as before; the usual time where the end of a CA had cut it short. */
function lifeOf(authority: Authority, { validFromDate, validToDate }: X509Certificate): { days?: number } {
  const until = validToDate.getTime()
  const isCut = authority.list().some(({ profile, notAfter }) => profile === 'authority' && notAfter.getTime() === until)
  return isCut ? {} : { days: Math.max(1, Math.floor((until - validFromDate.getTime()) / DAY_MS)) }
}

async function candidates(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).filter((name) => /\.(?:crt|cert|pem|key)$/.test(name)).sort()
}

/** What can be read; the rest is none. */
async function readEach<T>(names: readonly string[], read: (name: string) => Promise<T>): Promise<T[]> {
  const tried = await Promise.allSettled(names.map(read))
  return tried.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
}
