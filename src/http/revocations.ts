import type { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CertificateError } from '../pki/certificate-error.ts'
import type { Problem } from '../pki/certificate-problems.ts'
import { parseRevokedCertificates, type RevokedCertificates } from '../pki/revoked-certificates.ts'
import type { Link } from './client-certificate.ts'
import { describeFileNow } from './file-state.ts'

/** Who is revoked, by a list or a ledger. */
type List = Omit<RevokedCertificates, 'readDetails'>

export interface RevocationFiles {
  /** PEM or DER, each signed by one of the authorities. */
  readonly crls: readonly string[]
  /** The lists of CAs of lacre's own: each is used once it is there, if its CA is among the authorities. */
  readonly ownLists?: readonly OwnList[] | undefined
}

/** A list that lacre itself makes from a ledger. */
export interface OwnList {
  /** PEM. */
  readonly path: string
  /** What the ledger says, in place of a list that is missing or damaged; `undefined` where there is none. */
  readonly findInLedger?: () => Promise<List | undefined>
}

/** One file of lists, as it was last read. */
interface ListFile extends Reading {
  readonly path: string
  readonly own: OwnList | undefined
  state: string
}

interface Reading {
  lists: readonly List[]
  /** Whether the lists are those of the file, not the ledger's word. */
  isFromFile: boolean
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

  constructor({ crls, ownLists = [] }: RevocationFiles) {
    const file = (path: string, own?: OwnList): ListFile => ({ path, own, state: '', lists: [], isFromFile: false, refusal: undefined })
    this.#files = [...crls.map((path) => file(path)), ...ownLists.map((own) => file(own.path, own))]
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

  #lists(): List[] {
    return this.#files.flatMap(({ lists }) => lists)
  }

  async #readChanged(): Promise<void> {
    for (const file of this.#files) {
      const state = this.#describe(file)
      if (state !== file.state) await this.#read(file, state).catch((error: unknown) => this.#refuse(file, state, error))
    }
  }

  async #read(file: ListFile, state: string): Promise<void> {
    Object.assign(file, { state }, file.own ? await this.#readOwn(file, file.own) : await this.#readForeign(file))
  }

  async #readForeign({ path }: ListFile): Promise<Reading> {
    const lists = parseRevokedCertificates(await readBytes(path), path)
    if (!lists.every((list) => this.#isOurs(list))) throw signedByNobody(path)
    return { lists, isFromFile: true, refusal: undefined }
  }

  /** @NOTE A list that is gone or damaged must not let in who was revoked: the last one counts, and where there was none the ledger. */
  async #readOwn({ path, isFromFile }: ListFile, { findInLedger }: OwnList): Promise<Reading> {
    const { lists, trouble } = await readOwnList(path)
    if (isFromFile && trouble) throw trouble
    const ours = lists.filter((list) => this.#isOurs(list))
    if (ours.length > 0 || this.#authorities.length === 0) return { lists: ours, isFromFile: ours.length > 0, refusal: undefined }

    const told = await findInLedger?.()
    if (!told && trouble && !isMissing(trouble)) throw trouble
    const counts = told !== undefined && this.#isOurs(told)
    const isAmiss = counts && (told.serials.size > 0 || (trouble && !isMissing(trouble)))
    return { lists: counts ? [told] : [], isFromFile: false, refusal: isAmiss ? ledgerCounts(path, trouble) : undefined }
  }

  #isOurs(list: List): boolean {
    return this.#authorities.some(({ publicKey }) => list.isSignedBy(publicKey))
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

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new CertificateError(`cannot read the revocation list ${path}: ${(cause as Error).message}`, {
      hint: 'check that the path is right and that this user may read the file',
      cause,
    })
  }
}

async function readOwnList(path: string): Promise<{ lists: readonly List[]; trouble?: CertificateError }> {
  try {
    return { lists: parseRevokedCertificates(await readBytes(path), path) }
  } catch (cause) {
    if (!(cause instanceof CertificateError)) throw cause
    const hint = `make it again, where the CA key is: lacre ca crl --pki ${dirname(path)}`
    return { lists: [], trouble: new CertificateError(cause.message, { hint, cause: cause.cause }) }
  }
}

function isMissing({ cause }: CertificateError): boolean {
  return (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
}

function ledgerCounts(path: string, trouble: CertificateError | undefined): Problem {
  const why = trouble?.message ?? `the revocation list ${path} is of another CA`
  return {
    id: 'crl-from-ledger',
    sentence: `${why}; who is revoked in the ledger beside it is turned away all the same, but others have no list`,
    remedy: `make it again, where the CA key is: lacre ca crl --pki ${dirname(path)}`,
  }
}

function signedByNobody(path: string): CertificateError {
  return new CertificateError(`the revocation list ${path} is signed by none of the CAs in http.tls.clientcas`, {
    hint: 'name the CA that made it there too (of an intermediate CA its certificate, beside that of its root), or take the list away',
  })
}

function isOver({ nextUpdate }: List, now: number): boolean {
  return nextUpdate !== undefined && nextUpdate.getTime() < now
}

function overdue(path: string): Problem {
  return {
    id: 'crl-over',
    sentence: `the revocation list ${path} is over: it stays in force, but certificates that were revoked since then get in`,
    remedy: `put the newest list of that CA at ${path}; it is picked up without a restart`,
  }
}
