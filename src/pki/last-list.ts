import type { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type ListDetails, parseRevokedCertificates } from './revoked-certificates.ts'

/**
 * What the last revocation lists in these files say, as far as one of the authorities has signed them. What is missing or damaged
 * says nothing.
 */
export async function readLastLists(paths: readonly string[], authorities: readonly X509Certificate[]): Promise<ListDetails[]> {
  const lists = (await Promise.all(paths.map(readLists))).flat()
  return lists.filter((list) => authorities.some(({ publicKey }) => list.isSignedBy(publicKey))).map((list) => list.readDetails())
}

async function readLists(path: string) {
  try {
    return parseRevokedCertificates(await readFile(path), path)
  } catch {
    return []
  }
}
