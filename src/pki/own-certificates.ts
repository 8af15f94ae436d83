import type { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { authorityPaths, findAuthorityCertificate, findText, parseCertificate, serverPaths } from './authority-files.ts'
import { DAY_MS } from './leaf-certificate.ts'
import { isEncrypted, isPrivateKey, parsePem } from './pem.ts'
import { parseRevokedCertificates, type RevokedCertificates } from './revoked-certificates.ts'

/** Where the key of the CA is: here, here but encrypted, here but damaged, or elsewhere. */
export type KeyPlace = 'online' | 'encrypted' | 'damaged' | 'offline'

/** What lies in the folder of an authority, as far as a server goes. */
export interface OwnCertificates {
  readonly authority: X509Certificate
  readonly key: KeyPlace
  /** The server's own certificate. */
  readonly server: X509Certificate | undefined
  /** The revocation list of the authority. */
  readonly list: RevokedCertificates | undefined
}

/** `undefined` if there is no authority. @throws CertificateError if a file cannot be parsed. */
export async function findOwnCertificates(directory: string): Promise<OwnCertificates | undefined> {
  const paths = authorityPaths(directory)
  const authority = await findAuthorityCertificate(paths)
  if (!authority) return undefined
  const serverPath = serverPaths(directory).certificate
  const serverText = await findText(serverPath)
  return {
    authority,
    key: keyPlace(await findText(paths.key)),
    server: serverText === undefined ? undefined : parseCertificate(serverText, serverPath),
    list: await findList(paths.listPem, authority),
  }
}

/** When the server's certificate is due: at two thirds of its life, a little later for some than for others, so that not all ask at once. `undefined`: not while this CA lasts. */
export function serverDueAt({ authority, server }: OwnCertificates): number | undefined {
  if (!server) return undefined
  if (!server.checkIssued(authority) || !server.verify(authority.publicKey)) return 0 // the CA is another since
  if (server.validToDate.getTime() === authority.validToDate.getTime()) return undefined // it would not get longer
  const [from, until] = [server.validFromDate.getTime(), server.validToDate.getTime()]
  return Math.round(from + (until - from) * (2 / 3 + jitter(server) / 30))
}

/** When a new revocation list is due: a day after the last. */
export function listDueAt({ list }: OwnCertificates): number {
  return list ? list.thisUpdate.getTime() + DAY_MS : 0
}

/** From 0 to 1, another for each certificate and always the same for one. */
function jitter({ fingerprint256 }: X509Certificate): number {
  return Number.parseInt(fingerprint256.slice(0, 5).replace(':', ''), 16) / 0xffff
}

function keyPlace(text: string | undefined): KeyPlace {
  if (text === undefined) return 'offline'
  const block = parsePem(text).find(isPrivateKey)
  if (!block) return 'damaged'
  return isEncrypted(block) ? 'encrypted' : 'online'
}

/** A list that is damaged, or of another CA, is none: a new one takes its place. */
async function findList(path: string, authority: X509Certificate): Promise<RevokedCertificates | undefined> {
  try {
    return parseRevokedCertificates(await readFile(path), path).find((list) => list.isSignedBy(authority.publicKey))
  } catch {
    return undefined
  }
}
