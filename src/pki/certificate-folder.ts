import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hasNames, signsCertificates } from './certificate-traits.ts'
import { isCertificate, isEncrypted, isPrivateKey, type PemBlock, parsePem } from './pem.ts'

export interface FolderCertificate {
  readonly path: string
  readonly certificate: X509Certificate
}

export interface CertificateFolder {
  readonly certificates: readonly FolderCertificate[]
  /** Paths of the keys that belong to a CA here, other than `leaf`'s own key. */
  authorityKeys(leaf: X509Certificate): string[]
}

// A folder of certificates is small; a folder with more in it is something else, and is not searched to the end.
const FILE_LIMIT = 200
const SIZE_LIMIT = 64 * 1024

/** Reads what certificates and keys lie in some folders. What cannot be read or parsed is none. */
export async function readFolder(paths: readonly string[]): Promise<CertificateFolder> {
  const blocks = (await Promise.all([...new Set(paths)].map(readBlocks))).flat()
  const certificates = blocks.filter(isCertificate).flatMap(parseCertificate)
  const keys = blocks.filter(isPrivateKey).flatMap(parseKey)
  return {
    certificates,
    authorityKeys(leaf) {
      const authorities = certificates.map(({ certificate }) => certificate).filter((certificate) => isAuthority(certificate) && !hasSameKey(certificate, leaf))
      const found = keys.filter(({ key }) => authorities.some((authority) => authority.checkPrivateKey(key)))
      return [...new Set(found.map(({ path }) => path))]
    },
  }
}

/** A self-signed server certificate of openssl says CA:TRUE as well; it has names, and signs nothing. */
function isAuthority(certificate: X509Certificate): boolean {
  return certificate.ca && (signsCertificates(certificate) || !hasNames(certificate))
}

function hasSameKey(a: X509Certificate, b: X509Certificate): boolean {
  return a.publicKey.equals(b.publicKey)
}

type FileBlock = PemBlock & { readonly path: string }

async function readBlocks(folder: string): Promise<FileBlock[]> {
  const names = await readdir(folder).catch(() => [])
  const files = await Promise.all(names.slice(0, FILE_LIMIT).map((name) => readBlocksOf(join(folder, name))))
  return files.flat()
}

async function readBlocksOf(path: string): Promise<FileBlock[]> {
  try {
    const about = await stat(path)
    if (!about.isFile() || about.size > SIZE_LIMIT) return []
    return parsePem(await readFile(path, 'utf8')).map((block) => ({ ...block, path }))
  } catch {
    return [] // what this process cannot read gives nothing away through it
  }
}

function parseCertificate({ path, text }: FileBlock): FolderCertificate[] {
  try {
    return [{ path, certificate: new X509Certificate(text) }]
  } catch {
    return []
  }
}

function parseKey(block: FileBlock): { path: string; key: KeyObject }[] {
  try {
    return isEncrypted(block) ? [] : [{ path: block.path, key: createPrivateKey(block.text) }]
  } catch {
    return []
  }
}
