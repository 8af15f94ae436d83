import { type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { CertificateError } from './certificate-error.ts'
import { type AskPassphrase, readKeyFile } from './key-file.ts'

/** Where things are in the folder of an authority. */
export function authorityPaths(directory: string) {
  const ca = join(directory, 'ca')
  const pair = (folder: string) => ({ folder, certificate: join(folder, 'ca.crt'), key: join(folder, 'ca.key') })
  return {
    directory,
    ...pair(ca),
    /** What clients should trust: during a rotation both roots. */
    bundle: join(ca, 'bundle.crt'),
    /** During a rotation: the CA that follows, before the switch, and the one that was, after it. */
    next: pair(join(ca, 'next')),
    previous: pair(join(ca, 'previous')),
    listPem: join(directory, 'crl.pem'),
    listDer: join(directory, 'crl.der'),
    ledger: join(directory, 'ledger.db'),
  }
}

/** The folder of an authority in which such a CA certificate lies, by its place; `undefined` for one that lies elsewhere. */
export function authorityFolderOf(certificate: string): string | undefined {
  const folder = dirname(dirname(resolve(certificate)))
  const { folder: ca } = authorityPaths(folder)
  return dirname(resolve(certificate)) === ca ? folder : undefined
}

/** Where the server's own certificate and key are. */
export function serverPaths(directory: string) {
  const folder = join(directory, 'server')
  return { folder, certificate: join(folder, 'server.crt'), key: join(folder, 'server.key'), remembered: join(folder, 'added-names') }
}

/** Paths of a CA's certificate and key. */
export interface AuthorityPair {
  readonly folder: string
  readonly certificate: string
  readonly key: string
}

/** @throws CertificateError if there is no CA, or its certificate cannot be parsed. */
export async function readAuthorityCertificate(pair: AuthorityPair): Promise<X509Certificate> {
  const text = await findText(pair.certificate)
  if (text !== undefined) return parseCertificate(text, pair.certificate)
  if ((await findText(pair.key)) !== undefined) throw incomplete(pair, pair.certificate)
  throw new CertificateError(`there is no CA in ${pair.folder}`, { hint: 'make one with "lacre ca init", or name the folder that holds it with --pki DIR' })
}

export async function findAuthorityCertificate(pair: AuthorityPair): Promise<X509Certificate | undefined> {
  const text = await findText(pair.certificate)
  return text === undefined ? undefined : parseCertificate(text, pair.certificate)
}

/** @throws CertificateError if the key is not there, cannot be read, or is not that of the certificate. */
export async function readAuthorityKey(pair: AuthorityPair, certificate: X509Certificate, askPassphrase?: AskPassphrase): Promise<KeyObject> {
  if ((await findText(pair.key)) === undefined) throw incomplete(pair, pair.key)
  const key = await readKeyFile(pair.key, askPassphrase)
  if (certificate.checkPrivateKey(key)) return key
  throw new CertificateError(`${pair.key} is not the key of the CA certificate ${pair.certificate}`, {
    hint: `if "lacre ca rotate switch" was interrupted, run it again; else restore ${pair.folder} from a backup`,
  })
}

export async function findText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** @throws CertificateError with the path if it is no certificate; `hint` is the remedy. */
export function parseCertificate(text: string, path: string, hint?: string): X509Certificate {
  return parseOr(() => new X509Certificate(text), path, hint)
}

/** @throws CertificateError with the path if `parse` throws. */
export function parseOr<T>(parse: () => T, path: string, hint = `restore ${path} from a backup`): T {
  try {
    return parse()
  } catch (cause) {
    throw new CertificateError(`${path} cannot be parsed`, { hint, cause })
  }
}

function incomplete({ folder }: AuthorityPair, missing: string): CertificateError {
  return new CertificateError(`the CA in ${folder} is incomplete: ${missing} is missing`, {
    hint: `restore it from a backup, or from where the CA key is kept; to begin anew with a CA that all clients must be told to trust: lacre ca init --force`,
  })
}
