import { readFile } from 'node:fs/promises'
import { digestOf } from '../oci/digest.ts'
import { authorityPaths } from '../pki/authority-files.ts'
import { parseRevokedCertificates } from '../pki/revoked-certificates.ts'
import { isUnchanged } from './conditional.ts'
import { fixed } from './fixed.ts'
import { empty, type Reply, text } from './reply.ts'
import type { Answer } from './serve.ts'

type AuthorityFile = 'bundle' | 'certificate' | 'listDer' | 'listPem'

/** What lacre's own CA shows everybody: whom to trust, and whom no more. The first of its files that is there. */
const documents = [
  { path: '/pki/ca.crt', id: 'ca', type: 'application/x-pem-file', files: ['bundle', 'certificate'] },
  { path: '/pki/crl', id: 'crl', type: 'application/pkix-crl', files: ['listDer'] }, // RFC 2585, 4.2
  { path: '/pki/crl.pem', id: 'crl', type: 'application/x-pem-file', files: ['listPem'] },
] as const satisfies readonly { path: string; id: string; type: string; files: readonly AuthorityFile[] }[]

/** The addresses of those documents, by path; 404 where there is no such CA. */
export function authorityRoutes(directory: string | undefined): Record<string, Answer> {
  if (directory === undefined) return {}
  const paths = authorityPaths(directory)
  const route = ({ path, id, type, files }: (typeof documents)[number]) => [path, documentOf({ id, type, paths: files.map((file) => paths[file]) })]
  return Object.fromEntries(documents.map(route))
}

/** Of a list that is damaged, the last good one is sent. */
function documentOf({ id, type, paths }: { id: 'ca' | 'crl'; type: string; paths: readonly string[] }): Answer {
  let good: Buffer | undefined
  return fixed(id, async ({ request }) => {
    const bytes = await readFirst(paths)
    if (!bytes) return text(404, '404 page not found\n')
    if (id === 'ca' || good?.equals(bytes) || isWholeList(bytes)) good = bytes
    return good ? send(good, type, request.headers) : text(503, 'the revocation list is damaged\n')
  })
}

function isWholeList(bytes: Buffer): boolean {
  try {
    return parseRevokedCertificates(bytes, '').length > 0
  } catch {
    return false
  }
}

function send(bytes: Buffer, type: string, headers: Parameters<typeof isUnchanged>[0]): Reply {
  const digest = digestOf(bytes)
  const about = { ETag: `"${digest}"`, 'Cache-Control': 'no-cache' }
  return isUnchanged(headers, digest) ? empty(304, about) : { status: 200, headers: { 'Content-Type': type, ...about }, body: bytes }
}

async function readFirst([path, ...others]: readonly string[]): Promise<Buffer | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return readFirst(others)
    throw error
  }
}
