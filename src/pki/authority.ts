import type { KeyObject, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { type AuthorityPair, authorityPaths, findAuthorityCertificate, findText, readAuthorityCertificate, readAuthorityKey } from './authority-files.ts'
import { CertificateError } from './certificate-error.ts'
import type { CertificateRequest } from './certificate-request.ts'
import { makePrivateFolder, writeFileDurably, writeFolderDurably } from './durable-files.ts'
import type { AskPassphrase } from './key-file.ts'
import { readLastLists } from './last-list.ts'
import { CLOCK_SKEW_MS, DAY_MS, type LeafRequest, planLeaf } from './leaf-certificate.ts'
import type { Ledger, LedgerEntry, LedgerPen, RevocationReason } from './ledger.ts'
import { ledgerEntry, lostEntry } from './ledger-entry.ts'
import { formatRevocationList, signRevocationList } from './revocation-list.ts'
import { makeRoot, type RootFiles, type RootRequest } from './root-certificate.ts'
import { signCertificate } from './sign-certificate.ts'

export interface AuthorityOptions {
  /** Holds `ca/`, the last revocation list and the ledger; 0700. */
  readonly directory: string
  readonly ledger: Ledger
  /** Asked when the CA key is encrypted and something must be signed. */
  readonly askPassphrase?: AskPassphrase
  readonly now?: () => number
}

export interface NewAuthority extends AuthorityOptions, RootRequest {
  /** Puts a CA that is there already aside, as `ca.backup-DATE`, instead of refusing. */
  readonly replace?: boolean
}

export interface Issued {
  readonly certificate: X509Certificate
  readonly entry: LedgerEntry
  /** Sentences for people, for example that the certificate ends earlier than was asked for. */
  readonly warnings: readonly string[]
}

export interface RevocationList {
  readonly number: number
  readonly der: Buffer
  readonly pem: string
  readonly nextUpdate: Date
  /** How many certificates it lists. */
  readonly size: number
}

const LIST_DAYS = 30

type ListIssuer = Parameters<typeof signRevocationList>[0]

/**
 * Makes a CA. Files are durable on return.
 *
 * @throws CertificateError if there is a CA already, unless it is to be replaced.
 */
export async function createAuthority(options: NewAuthority): Promise<Authority> {
  const now = (options.now ?? Date.now)()
  return installAuthority(options, async () => {
    const { certificate, files } = await makeRoot(options, now)
    return { files, entries: [ledgerEntry(certificate, 'authority')] }
  })
}

/**
 * Puts a CA into its folder, and what it has issued into the ledger. Files are durable on return.
 *
 * @throws CertificateError if there is a CA already, unless it is to be replaced.
 */
export async function installAuthority(
  options: AuthorityOptions & Pick<NewAuthority, 'replace'>,
  make: () => Promise<{ files: RootFiles; entries: readonly LedgerEntry[]; listNumber?: number }>,
): Promise<Authority> {
  const paths = authorityPaths(options.directory)
  await makePrivateFolder(options.directory)
  await options.ledger.exclusively(async (pen) => {
    await makeRoom(paths, (options.now ?? Date.now)(), options.replace === true)
    const { files, entries, listNumber = 0 } = await make()
    await writeFolderDurably(paths.folder, { ...files, 'bundle.crt': files['ca.crt'] })
    for (const entry of entries) pen.add(entry)
    pen.raiseListNumber(listNumber)
  })
  return openAuthority(options)
}

/** Sees to it that no CA is in the way. What clients may still trust is kept, not removed. */
async function makeRoom({ folder }: AuthorityPair, now: number, mayReplace: boolean): Promise<void> {
  if (!existsSync(folder)) return
  if (!mayReplace) {
    throw new CertificateError(`there is a CA in ${folder} already`, {
      hint: 'use it, name another folder with --pki DIR, or put it aside with --force: all clients must then be told to trust the new one',
    })
  }
  await rename(folder, `${folder}.backup-${new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')}`)
}

/** Opens the CA of a folder. Its key is read when something must be signed, not before. @throws CertificateError if there is none. */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const paths = authorityPaths(options.directory)
  const certificate = await readAuthorityCertificate(paths)
  const bundle = (await findText(paths.bundle)) ?? certificate.toString()
  return new Authority(options, certificate, bundle)
}

/**
 * A CA, its ledger and its revocation list, as they were when it was opened: open it anew for each piece of work, since a
 * command beside may have put another CA in its place.
 */
export class Authority {
  /** The CA's own certificate. */
  readonly certificate: X509Certificate
  /** PEM of what clients should trust: one root, during a rotation two. */
  readonly bundle: string
  readonly #options: AuthorityOptions
  readonly #paths: ReturnType<typeof authorityPaths>
  #key: KeyObject | undefined

  constructor(options: AuthorityOptions, certificate: X509Certificate, bundle: string) {
    this.#options = options
    this.#paths = authorityPaths(options.directory)
    this.certificate = certificate
    this.bundle = bundle
  }

  /** Every certificate issued here, the first first. */
  list(): LedgerEntry[] {
    return this.#options.ledger.list()
  }

  /**
   * Signs a certificate for a key and enters it in the ledger.
   *
   * @param deliver Writes the files while nobody else issues. When it throws, nothing was issued.
   */
  async issue(request: LeafRequest, deliver: (issued: Issued) => Promise<void> = async () => undefined): Promise<Issued> {
    planLeaf(this.certificate, request, this.#now()) // refuses before anybody is asked for a passphrase
    await this.#openKey()
    return this.#options.ledger.exclusively(async (pen) => {
      const issued = await this.issueWith(pen, request)
      await deliver(issued)
      return issued
    })
  }

  /**
   * Signs the request of somebody with a key of his own: his names and subject, and nothing else that it asks for.
   *
   * @throws CertificateError as {@link issue} does.
   */
  sign({ names, subject, publicKey }: CertificateRequest, profile: LeafRequest['profile'], days?: number): Promise<Issued> {
    return this.issue({ profile, names, subject, publicKey, ...(days !== undefined && { days }) })
  }

  /** As {@link issue}, for who holds the ledger already. */
  async issueWith(pen: LedgerPen, request: LeafRequest): Promise<Issued> {
    const { content, warnings } = planLeaf(this.certificate, request, this.#now())
    const certificate = signCertificate({ key: await this.#openKey(), certificate: this.certificate }, content)
    const entry = ledgerEntry(certificate, request.profile)
    pen.add(entry)
    return { certificate, entry, warnings }
  }

  /**
   * Revokes one certificate by its serial, or all of a name and a profile that are still in use, and writes a new revocation list.
   *
   * @throws CertificateError if there is none, it was revoked before, or a server and an account have the name and no profile is given.
   */
  async revoke(serialOrName: string, reason: RevocationReason, profile?: LeafRequest['profile']): Promise<LedgerEntry[]> {
    this.findRevocable(serialOrName, profile)
    const issuers = await this.#openIssuers()
    return this.#options.ledger.exclusively(async (pen) => {
      const entries = this.findRevocable(serialOrName, profile)
      const at = new Date(this.#now())
      for (const { serial } of entries) pen.revoke(serial, at, reason)
      await this.#writeList(pen, issuers)
      return entries.map((entry) => ({ ...entry, revokedAt: at, reason }))
    })
  }

  /** Writes a new revocation list, good for 30 days, as crl.pem and crl.der. */
  async renewCrl(): Promise<RevocationList> {
    const issuers = await this.#openIssuers()
    return this.#options.ledger.exclusively((pen) => this.#writeList(pen, issuers))
  }

  /** What {@link revoke} would revoke. @throws CertificateError as it does. */
  findRevocable(serialOrName: string, wanted?: LeafRequest['profile']): LedgerEntry[] {
    const { ledger } = this.#options
    const bySerial = ledger.find(serialOrName)
    const found = bySerial ? [bySerial] : ledger.findByName(serialOrName).filter(({ notAfter }) => notAfter.getTime() > this.#now())
    const alive = found.filter(({ revokedAt, profile }) => !revokedAt && profile !== 'authority' && (!wanted || profile === wanted))
    if (new Set(alive.map(({ profile }) => profile)).size > 1) throw isAmbiguous(serialOrName)
    if (alive.length > 0) return alive
    const [first] = found
    if (first?.profile === 'authority') throw new CertificateError('a CA cannot revoke itself', { hint: 'put another in its place: lacre ca rotate prepare' })
    if (first?.revokedAt) {
      throw new CertificateError(`${serialOrName} was revoked on ${first.revokedAt.toISOString()} already`, {
        hint: 'its serial stays on every list until it is over',
      })
    }
    throw new CertificateError(`no certificate in use has the serial or name ${JSON.stringify(serialOrName)}`, {
      hint: 'lacre cert list shows what was issued',
    })
  }

  async #writeList(pen: LedgerPen, issuers: readonly ListIssuer[]): Promise<RevocationList> {
    await this.#heed(pen, issuers)
    const content = this.#listContent(pen)
    const lists = issuers.map((issuer) => signRevocationList(issuer, content))
    const [der = Buffer.alloc(0)] = lists
    const pem = lists.map(formatRevocationList).join('')
    await writeFileDurably(this.#paths.listPem, pem, 0o644)
    await writeFileDurably(this.#paths.listDer, der, 0o644)
    return { number: content.number, der, pem, nextUpdate: content.nextUpdate, size: content.revoked.length }
  }

  /**
   * Enters what the last list says and the ledger does not, which may be new or from a backup: no list takes back what one before
   * it said, nor has a lower number.
   */
  async #heed(pen: LedgerPen, issuers: readonly ListIssuer[]): Promise<void> {
    const last = await readLastLists(
      [this.#paths.listPem, this.#paths.listDer],
      issuers.map(({ certificate }) => certificate),
    )
    pen.raiseListNumber(Math.max(0, ...last.map(({ number = 0 }) => number)))
    const known = new Map(this.list().map((entry) => [entry.serial, entry]))
    for (const revocation of new Map(last.flatMap(({ revoked }) => revoked.map((each) => [each.serial, each]))).values()) {
      const entry = known.get(revocation.serial)
      if (!entry) pen.add(lostEntry(revocation, this.certificate))
      else if (!entry.revokedAt) pen.revoke(entry.serial, revocation.at, revocation.reason ?? 'unspecified')
    }
  }

  /** What is over needs no revocation any more: RFC 5280, 3.3, a day later for clocks that are late. */
  #listContent(pen: LedgerPen) {
    const now = this.#now()
    const revoked = this.list().flatMap(({ serial, revokedAt, reason, notAfter }) =>
      revokedAt && notAfter.getTime() > now - DAY_MS ? [{ serial, at: revokedAt, reason }] : [],
    )
    return { number: pen.nextListNumber(), thisUpdate: new Date(now - CLOCK_SKEW_MS), nextUpdate: new Date(now + LIST_DAYS * DAY_MS), revoked }
  }

  /**
   * Who signs lists: this CA, and between the switch to it and the end of a rotation its predecessor too, since certificates of
   * that one are in use, and its lists must be its own.
   */
  async #openIssuers(): Promise<ListIssuer[]> {
    const own = { key: await this.#openKey(), certificate: this.certificate }
    const previous = await findAuthorityCertificate(this.#paths.previous)
    if (!previous) return [own]
    return [own, { key: await readAuthorityKey(this.#paths.previous, previous, this.#options.askPassphrase), certificate: previous }]
  }

  /** @NOTE Never for the first time while the ledger is held, since a person may be asked. */
  async #openKey(): Promise<KeyObject> {
    this.#key ??= await readAuthorityKey(this.#paths, this.certificate, this.#options.askPassphrase)
    return this.#key
  }

  #now(): number {
    return (this.#options.now ?? Date.now)()
  }
}

function isAmbiguous(name: string): CertificateError {
  return new CertificateError(`${JSON.stringify(name)} is the name of a server and of an account, and nothing was revoked`, {
    hint: 'say which is meant, with --profile server or --profile client, or give a serial: lacre cert list shows them',
  })
}
