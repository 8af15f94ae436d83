import type { KeyObject, X509Certificate } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import { authorityPaths, findAuthorityCertificate, findText, readAuthorityCertificate, readAuthorityKey } from './authority-files.ts'
import { CertificateError } from './certificate-error.ts'
import { certificateNames, readSubject } from './certificate-parts.ts'
import { type DistinguishedName, formatSubject } from './distinguished-name.ts'
import { makePrivateFolder, writeFileDurably, writeFolderDurably } from './durable-files.ts'
import { type AskPassphrase, formatKey } from './key-file.ts'
import { type KeyKind, makeKey } from './key-kind.ts'
import { CLOCK_SKEW_MS, DAY_MS, type LeafRequest, planLeaf } from './leaf-certificate.ts'
import type { CertificateProfile, Ledger, LedgerEntry, LedgerPen, RevocationReason } from './ledger.ts'
import type { NameConstraints } from './name-constraints.ts'
import { formatRevocationList, signRevocationList } from './revocation-list.ts'
import { signCertificate } from './sign-certificate.ts'

export interface AuthorityOptions {
  /** Holds `ca/`, the last revocation list and the ledger; 0700. */
  readonly directory: string
  readonly ledger: Ledger
  /** Asked when the CA key is encrypted and something must be signed. */
  readonly askPassphrase?: AskPassphrase
  readonly now?: () => number
}

export interface NewAuthority extends AuthorityOptions {
  /** The CN, cut to 64 characters. */
  readonly name: string
  /** What stands before the CN. A CN in it takes the place of the name. */
  readonly subject?: DistinguishedName
  /** `ec:p256` without it. */
  readonly kind?: KeyKind
  /** 3650 without it. */
  readonly days?: number
  /** The only names it may vouch for. */
  readonly permit?: NameConstraints
  /** Encrypts the key. */
  readonly passphrase?: string
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

const CA_DAYS = 3650
const LIST_DAYS = 30

/**
 * Makes a CA in a folder that has none. Files are durable on return.
 *
 * @throws CertificateError if there is a CA already, which is never overwritten.
 */
export async function createAuthority(options: NewAuthority): Promise<Authority> {
  const paths = authorityPaths(options.directory)
  await makePrivateFolder(options.directory)
  await options.ledger.exclusively(async (pen) => {
    if ((await findText(paths.certificate)) !== undefined || (await findText(paths.key)) !== undefined) {
      throw new CertificateError(`there is a CA in ${paths.folder} already`, { hint: 'use it, name another folder with --pki DIR, or replace it with --force' })
    }
    const { certificate, files } = await makeRoot(options)
    await writeFolderDurably(paths.folder, { ...files, 'bundle.crt': { text: certificate.toString(), mode: 0o644 } })
    pen.add(ledgerEntry(certificate, 'authority'))
  })
  return openAuthority(options)
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

  /** Signs a certificate for a key and enters it in the ledger; where the files go is for the caller to say. */
  issue(request: LeafRequest): Promise<Issued> {
    return this.#options.ledger.exclusively((pen) => this.issueWith(pen, request))
  }

  /** As {@link issue}, for who holds the ledger already. */
  async issueWith(pen: LedgerPen, request: LeafRequest): Promise<Issued> {
    const { content, warnings } = planLeaf(this.certificate, request, this.#now())
    const certificate = await signCertificate({ key: await this.#readKey(), certificate: this.certificate }, content)
    const entry = ledgerEntry(certificate, request.profile)
    pen.add(entry)
    return { certificate, entry, warnings }
  }

  /**
   * Revokes one certificate by its serial, or all of a name that are still in use, and writes a new revocation list.
   *
   * @throws CertificateError if there is none, or it was revoked before.
   */
  revoke(serialOrName: string, reason: RevocationReason): Promise<LedgerEntry[]> {
    return this.#options.ledger.exclusively(async (pen) => {
      const entries = this.#findRevocable(serialOrName)
      const at = new Date(this.#now())
      for (const { serial } of entries) pen.revoke(serial, at, reason)
      await this.#writeList(pen)
      return entries.map((entry) => ({ ...entry, revokedAt: at, reason }))
    })
  }

  /** Writes a new revocation list, good for 30 days, as crl.pem and crl.der. */
  renewCrl(): Promise<RevocationList> {
    return this.#options.ledger.exclusively((pen) => this.#writeList(pen))
  }

  #findRevocable(serialOrName: string): LedgerEntry[] {
    const { ledger } = this.#options
    const bySerial = ledger.find(serialOrName)
    const found = bySerial ? [bySerial] : ledger.findByName(serialOrName).filter(({ notAfter }) => notAfter.getTime() > this.#now())
    const alive = found.filter(({ revokedAt, profile }) => !revokedAt && profile !== 'authority')
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

  async #writeList(pen: LedgerPen): Promise<RevocationList> {
    const content = this.#listContent(pen)
    const der = signRevocationList({ key: await this.#readKey(), certificate: this.certificate }, content)
    const previous = await this.#signPreviousList(content)
    const pem = [der, ...previous].map(formatRevocationList).join('')
    await writeFileDurably(this.#paths.listPem, pem, 0o644)
    await writeFileDurably(this.#paths.listDer, der, 0o644)
    return { number: content.number, der, pem, nextUpdate: content.nextUpdate, size: content.revoked.length }
  }

  /** What is over needs no revocation any more: RFC 5280, 3.3, a day later for clocks that are late. */
  #listContent(pen: LedgerPen) {
    const now = this.#now()
    const revoked = this.list().flatMap(({ serial, revokedAt, reason, notAfter }) =>
      revokedAt && notAfter.getTime() > now - DAY_MS ? [{ serial, at: revokedAt, reason }] : [],
    )
    return { number: pen.nextListNumber(), thisUpdate: new Date(now - CLOCK_SKEW_MS), nextUpdate: new Date(now + LIST_DAYS * DAY_MS), revoked }
  }

  /** Between the switch to another CA and the end of a rotation, certificates of the old one are in use, and lists must be its own. */
  async #signPreviousList(content: Parameters<typeof signRevocationList>[1]): Promise<Buffer[]> {
    const certificate = await findAuthorityCertificate(this.#paths.previous)
    if (!certificate) return []
    const key = await readAuthorityKey(this.#paths.previous, certificate, this.#options.askPassphrase)
    return [signRevocationList({ key, certificate }, content)]
  }

  async #readKey(): Promise<KeyObject> {
    this.#key ??= await readAuthorityKey(this.#paths, this.certificate, this.#options.askPassphrase)
    return this.#key
  }

  #now(): number {
    return (this.#options.now ?? Date.now)()
  }
}

type Files = Readonly<Record<'ca.crt' | 'ca.key', { text: string; mode: number }>>

/** A new root and the two files it is kept in. */
async function makeRoot(options: NewAuthority): Promise<{ certificate: X509Certificate; files: Files }> {
  const now = (options.now ?? Date.now)()
  const key = await makeKey(options.kind ?? 'ec:p256')
  const subject = options.subject ?? []
  const hasName = subject.some(({ type }) => type === 'CN')
  const certificate = await signCertificate(
    { key },
    {
      profile: 'authority',
      subject: hasName ? subject : [...subject, { type: 'CN', value: options.name.slice(0, 64) }],
      publicKey: createPublicKey(key),
      ...(options.permit && { constraints: options.permit }),
      notBefore: new Date(now - CLOCK_SKEW_MS),
      notAfter: new Date(now + (options.days ?? CA_DAYS) * DAY_MS),
    },
  )
  const keyText = await formatKey(key, options.passphrase)
  return { certificate, files: { 'ca.key': { text: keyText, mode: 0o600 }, 'ca.crt': { text: certificate.toString(), mode: 0o644 } } }
}

/** What the ledger keeps of a certificate. */
function ledgerEntry(certificate: X509Certificate, profile: CertificateProfile): LedgerEntry {
  return {
    serial: certificate.serialNumber.toLowerCase(),
    profile,
    names: certificateNames(certificate),
    subject: formatSubject(readSubject(certificate)),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    fingerprint256: certificate.fingerprint256,
    pem: certificate.toString(),
  }
}
