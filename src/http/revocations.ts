import type { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { CertificateError } from '../pki/certificate-error.ts'
import type { Problem } from '../pki/certificate-problems.ts'
import { parseRevokedCertificates, type RevokedCertificates } from '../pki/revoked-certificates.ts'
import type { Link } from './client-certificate.ts'
import { describeFileNow } from './file-state.ts'

export interface RevocationFiles {
  /** PEM or DER, each signed by one of the authorities. */
  readonly crls: readonly string[]
  /** The list of lacre's own CA: used once it is there, if that CA is among the authorities. */
  readonly ownCrl?: string | undefined
}

/** One file of lists, as it was last read. */
interface ListFile {
  readonly path: string
  readonly isOwn: boolean
  state: string
  lists: readonly RevokedCertificates[]
  refusal: Problem | undefined
}

/**
 * Revocation lists on disk. Each look sees a file that has changed before, so a certificate counts as revoked from the first
 * request after its list was put in place. A list that cannot be used leaves the last one in force, and one that is over stays in force.
 */
export class Revocations {
  readonly #files: readonly ListFile[]
  #authorities: readonly X509Certificate[] = []
  #generation = 0
  #reading: Promise<void> = Promise.resolve()

  constructor({ crls, ownCrl }: RevocationFiles) {
    const file = (path: string, isOwn: boolean): ListFile => ({ path, isOwn, state: '', lists: [], refusal: undefined })
    this.#files = [...crls.map((path) => file(path, false)), ...(ownCrl === undefined ? [] : [file(ownCrl, true)])]
  }

  /** @throws CertificateError if a list cannot be used. */
  async open(authorities: readonly X509Certificate[]): Promise<void> {
    this.trust(authorities)
    for (const file of this.#files) await this.#read(file, this.#describe(file))
  }

  /** Takes lists of these CAs from now on; those that were taken stay. */
  trust(authorities: readonly X509Certificate[]): void {
    this.#authorities = authorities
    this.#generation++ // a list that was nobody's may be somebody's
  }

  /** Reads what has changed since the last look. Never throws. */
  async look(): Promise<void> {
    if (this.#files.every((file) => file.state === this.#describe(file))) return
    this.#reading = this.#reading.then(() => this.#readChanged()) // one after another, so that no older look has the last word
    await this.#reading
  }

  isRevoked(path: readonly Link[]): boolean {
    return path.some(({ certificate, issuer }) => this.#lists().some((list) => list.serials.has(certificate.serialNumber) && list.isSignedBy(issuer.publicKey)))
  }

  /** Lists that are over, or are not used. */
  problems(now: number): Problem[] {
    return this.#files.flatMap((file) => [
      ...(file.refusal ? [file.refusal] : []),
      ...file.lists.filter((list) => isOver(list, now)).map(() => overdue(file.path)),
    ])
  }

  #lists(): RevokedCertificates[] {
    return this.#files.flatMap(({ lists }) => lists)
  }

  async #readChanged(): Promise<void> {
    for (const file of this.#files) {
      const state = this.#describe(file)
      if (state !== file.state) await this.#read(file, state).catch((error: unknown) => this.#refuse(file, state, error))
    }
  }

  async #read(file: ListFile, state: string): Promise<void> {
    const bytes = await readList(file)
    const lists = bytes ? parseRevokedCertificates(bytes, file.path) : []
    const ours = lists.filter((list) => this.#authorities.some(({ publicKey }) => list.isSignedBy(publicKey)))
    if (!file.isOwn && ours.length < lists.length) throw signedByNobody(file.path)
    Object.assign(file, { state, lists: ours, refusal: undefined })
  }

  #refuse(file: ListFile, state: string, error: unknown): void {
    const { message, hint } = error as Error & { hint?: string }
    const sentence = `the changed revocation list is not used: ${message}; the one from before stays in force`
    Object.assign(file, { state, refusal: { id: 'crl-refused', sentence, remedy: hint ?? 'put a good one in place; it is picked up without a restart' } })
  }

  #describe({ path }: ListFile): string {
    return `${describeFileNow(path)} ${this.#generation}`
  }
}

async function readList({ path, isOwn, lists }: ListFile): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (isOwn && code === 'ENOENT' && lists.length === 0) return undefined
    throw new CertificateError(`cannot read the revocation list ${path}: ${message}`, {
      hint: 'check that the path is right and that this user may read the file',
      cause,
    })
  }
}

function signedByNobody(path: string): CertificateError {
  return new CertificateError(`the revocation list ${path} is signed by none of the CAs in http.tls.clientcas`, {
    hint: 'name the CA that made it there too (of an intermediate CA its certificate, beside that of its root), or take the list away',
  })
}

function isOver({ nextUpdate }: RevokedCertificates, now: number): boolean {
  return nextUpdate !== undefined && nextUpdate.getTime() < now
}

function overdue(path: string): Problem {
  return {
    id: 'crl-over',
    sentence: `the revocation list ${path} is over: it stays in force, but certificates that were revoked since then get in`,
    remedy: `put the newest list of that CA at ${path}; it is picked up without a restart`,
  }
}
