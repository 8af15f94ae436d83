import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { CertificateError } from './certificate-error.ts'

/** Far above any list of certificates, far below what memory holds. */
const SIZE_LIMIT = 64 * 1024 * 1024

/** Whether a file is one that can be read to its end: no pipe, no device, and not of gigabytes. Links are followed. */
export function isOrdinaryFile(path: string): boolean {
  const about = statSync(path, { throwIfNoEntry: false })
  return about?.isFile() === true && about.size <= SIZE_LIMIT
}

/** @throws CertificateError for what {@link isOrdinaryFile} refuses. */
export async function readOrdinaryFile(path: string): Promise<Buffer> {
  if (isOrdinaryFile(path)) return readFile(path)
  throw new CertificateError(`${path} is no ordinary file of less than 64 MiB, and cannot be taken over`, {
    hint: 'what it says of revoked certificates would be lost: put a copy of the list there, or move it away if it is none',
  })
}
