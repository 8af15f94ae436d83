import { readFile } from 'node:fs/promises'
import { CertificateError } from './certificate-error.ts'

/** One `-----BEGIN label-----` block, its lines included. */
export interface PemBlock {
  readonly label: string
  readonly text: string
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g

/** The PEM blocks of a text in their order; what stands between them is ignored. */
export function parsePem(text: string): PemBlock[] {
  return [...text.matchAll(BLOCK)].map(([block, label = '']) => ({ label, text: `${block.replaceAll('\r\n', '\n')}\n` }))
}

/** The bytes between a block's lines. */
export function decodePem({ text }: PemBlock): Buffer {
  return Buffer.from(text.replaceAll(/-----[^-]+-----/g, ''), 'base64')
}

export function isCertificate(block: PemBlock): boolean {
  return block.label === 'CERTIFICATE'
}

export function isPrivateKey(block: PemBlock): boolean {
  return block.label === 'PRIVATE KEY' || block.label.endsWith(' PRIVATE KEY')
}

export function isEncrypted(block: PemBlock): boolean {
  return block.label === 'ENCRYPTED PRIVATE KEY' || block.text.includes('Proc-Type: 4,ENCRYPTED')
}

/** @throws CertificateError if the file cannot be read; `what` names its purpose, for example `certificate`. */
export async function readPem(path: string, what: string): Promise<PemBlock[]> {
  return parsePem(await readText(path, what))
}

/** @throws CertificateError as {@link readPem} */
export async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CertificateError(`cannot read the ${what} ${path}: ${reason}`, {
      hint: 'check that the path is right and that this user may read the file',
      cause,
    })
  }
}
