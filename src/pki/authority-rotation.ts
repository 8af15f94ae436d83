import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuthorityOptions } from './authority.ts'
import { type AuthorityPair, authorityPaths, findAuthorityCertificate, findText, readAuthorityCertificate, readAuthorityKey } from './authority-files.ts'
import { CertificateError } from './certificate-error.ts'
import { readSubject } from './certificate-parts.ts'
import { type DistinguishedName, findAttribute } from './distinguished-name.ts'
import { writeFileDurably, writeFolderDurably } from './durable-files.ts'
import type { LedgerEntry, LedgerPen } from './ledger.ts'
import { ledgerEntry } from './ledger-entry.ts'
import { type NameConstraints, readNameConstraints } from './name-constraints.ts'
import { makeRoot, type RootRequest, rootValidity } from './root-certificate.ts'
import { renewRoot } from './sign-certificate.ts'

/**
 * A rotation puts another CA in the place of one that clients trust, without a moment in which they trust neither:
 * `prepare` makes the successor, and clients are given the bundle of both roots; `switch` lets the successor sign from then on;
 * `finish`, when nothing of the old CA is in use, takes it out of the bundle. The two do not sign each other: pathlen 0 forbids it.
 */
/** `preparing`: it was interrupted, and the bundle that clients would be given lacks the successor. */
export type RotationPhase = 'none' | 'preparing' | 'prepared' | 'switched'

export interface RotationStatus {
  readonly phase: RotationPhase
  /** Who signs now. */
  readonly current: X509Certificate
  /** The successor before the switch, the predecessor after it. */
  readonly other: X509Certificate | undefined
  /** Certificates of the CA that goes, which are neither over nor revoked, nor renewed since. */
  readonly inUse: readonly LedgerEntry[]
}

export interface Successor extends AuthorityOptions, Omit<RootRequest, 'name' | 'permit'> {
  /** The predecessor's with another year without it. */
  readonly name?: string
  /** `undefined` for none at all. */
  readonly permit: NameConstraints | undefined
}

type Paths = ReturnType<typeof authorityPaths>

export async function rotationStatus(options: AuthorityOptions): Promise<RotationStatus> {
  const paths = authorityPaths(options.directory)
  const current = await readAuthorityCertificate(paths)
  const next = await findAuthorityCertificate(paths.next)
  const previous = await findAuthorityCertificate(paths.previous)
  if (next) return { phase: (await isBundled(paths, next)) ? 'prepared' : 'preparing', current, other: next, inUse: findInUse(options, current) }
  if (previous) return { phase: 'switched', current, other: previous, inUse: findInUse(options, previous) }
  return { phase: 'none', current, other: undefined, inUse: [] }
}

/**
 * Makes the successor, and a bundle of both roots for clients to trust. Nothing is signed with it yet. Interrupted, it can be run
 * again, and goes on with the successor that there is.
 *
 * @throws CertificateError if a rotation is under way.
 */
export async function prepareRotation(options: Successor): Promise<RotationStatus> {
  const paths = authorityPaths(options.directory)
  await options.ledger.exclusively(async (pen) => {
    const { phase, current, other } = await rotationStatus(options)
    if (phase === 'preparing' && other) return finishPreparing(paths, pen, other)
    if (phase !== 'none') throw underWay(phase, paths)
    const now = (options.now ?? Date.now)()
    const { permit, ...rest } = options
    const request = { ...rest, ...successorSubject(options, current, now), ...(permit && { permit }) }
    const { certificate, files } = await makeRoot(request, now)
    await writeFolderDurably(paths.next.folder, files)
    await finishPreparing(paths, pen, certificate)
  })
  return rotationStatus(options)
}

/**
 * Puts the successor in the place of the CA. Interrupted at any moment, it can be run again.
 *
 * @throws CertificateError if none is prepared, the bundle lacks it, or its key is not there.
 */
export async function switchAuthority(options: AuthorityOptions): Promise<RotationStatus> {
  const paths = authorityPaths(options.directory)
  const next = await findAuthorityCertificate(paths.next)
  if (!next) throw new CertificateError('no successor is prepared', { hint: 'make one first: lacre ca rotate prepare' })
  if (!(await isBundled(paths, next))) {
    throw new CertificateError(`${paths.bundle} lacks the successor: clients that have it would refuse what the successor signs`, {
      hint: 'finish what was interrupted: lacre ca rotate prepare; then give the bundle to all clients',
    })
  }
  await readAuthorityKey(paths.next, next, options.askPassphrase)
  await options.ledger.exclusively(async () => {
    if (!existsSync(paths.previous.folder)) await writeFolderDurably(paths.previous.folder, await readPair(paths))
    const files = await readPair(paths.next)
    await writeFileDurably(paths.key, files['ca.key'].text, 0o600)
    await writeFileDurably(paths.certificate, files['ca.crt'].text, 0o644)
    await writeBundle(paths)
    await rm(paths.next.folder, { recursive: true })
  })
  return rotationStatus(options)
}

/**
 * Takes the predecessor out of the bundle, and puts it aside in `ca/retired`.
 *
 * @throws CertificateError if nothing was switched, or certificates of the predecessor are in use and `force` was not said.
 */
export async function finishRotation(options: AuthorityOptions & { readonly force?: boolean }): Promise<RotationStatus> {
  const paths = authorityPaths(options.directory)
  await options.ledger.exclusively(async () => {
    const { phase, other, inUse } = await rotationStatus(options)
    if (phase !== 'switched' || !other) throw new CertificateError('there is no rotation to finish', { hint: 'see where it stands: lacre ca rotate status' })
    if (!options.force && !isKnown(options, other)) throw isForgotten()
    if (inUse.length > 0 && !options.force) {
      throw new CertificateError(`still in use from the old CA: ${inUse.map(({ subject }) => subject).join('; ')}`, {
        hint: 'issue them again or revoke them; with --force, clients will refuse them as soon as they get the new bundle',
      })
    }
    const retired = join(paths.folder, 'retired')
    await mkdir(retired, { recursive: true, mode: 0o700 })
    await rename(paths.previous.folder, join(retired, other.serialNumber.toLowerCase()))
    await writeBundle(paths)
  })
  return rotationStatus(options)
}

/** Makes the CA's certificate anew for longer: same key, subject and key identifier, so that all it has signed stays valid. */
export async function renewAuthority(options: AuthorityOptions & { readonly days?: number }): Promise<X509Certificate> {
  const paths = authorityPaths(options.directory)
  const old = await readAuthorityCertificate(paths)
  const key = await readAuthorityKey(paths, old, options.askPassphrase)
  return options.ledger.exclusively(async (pen) => {
    const renewed = renewRoot(key, old, rootValidity(options.days, (options.now ?? Date.now)()))
    await writeFileDurably(paths.certificate, renewed.toString(), 0o644)
    await writeBundle(paths)
    pen.add(ledgerEntry(renewed, 'authority'))
    return renewed
  })
}

async function finishPreparing(paths: Paths, pen: LedgerPen, successor: X509Certificate): Promise<void> {
  await writeBundle(paths)
  pen.add(ledgerEntry(successor, 'authority'))
}

async function isBundled({ bundle }: Paths, certificate: X509Certificate): Promise<boolean> {
  return ((await findText(bundle)) ?? '').includes(certificate.toString().trim())
}

/** All roots that clients should trust: who signs, and who will or did. */
async function writeBundle(paths: Paths): Promise<void> {
  const texts = await Promise.all([paths, paths.next, paths.previous].map(({ certificate }) => findText(certificate)))
  await writeFileDurably(paths.bundle, [...new Set(texts)].join(''), 0o644)
}

/** A ledger begun after its CA cannot tell what that one has issued before. */
function isKnown({ ledger }: AuthorityOptions, { fingerprint256 }: X509Certificate): boolean {
  return ledger.list().some((entry) => entry.fingerprint256 === fingerprint256)
}

function isForgotten(): CertificateError {
  return new CertificateError('the ledger was begun after the old CA, and cannot tell what of it is in use', {
    hint: 'see for yourself that nothing is; with --force, clients will refuse it as soon as they get the new bundle',
  })
}

async function readPair(pair: AuthorityPair) {
  const [key = '', certificate = ''] = [await findText(pair.key), await findText(pair.certificate)]
  return { 'ca.key': { text: key, mode: 0o600 }, 'ca.crt': { text: certificate, mode: 0o644 } }
}

function findInUse({ ledger, now = Date.now }: AuthorityOptions, authority: X509Certificate): LedgerEntry[] {
  const alive = ledger.list().filter(({ profile, revokedAt, notAfter }) => profile !== 'authority' && !revokedAt && notAfter.getTime() > now())
  const issued = alive.map((entry) => ({ entry, certificate: new X509Certificate(entry.pem) }))
  const isOld = ({ certificate }: IssuedCertificate) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
  const others = issued.filter((each) => !isOld(each))
  const old = issued.filter(isOld)
  const isReplaced = (each: IssuedCertificate, index: number) => [...others, ...old.slice(index + 1)].some((other) => replaces(other, each))
  return old.filter((each, index) => !isReplaced(each, index)).map(({ entry }) => entry)
}

interface IssuedCertificate {
  readonly entry: LedgerEntry
  readonly certificate: X509Certificate
}

/** Whether one was renewed as the other: for the same key and all its names. Another key may well be another machine's. */
function replaces(newer: IssuedCertificate, older: IssuedCertificate): boolean {
  const hasNames = older.entry.names.every((name) => newer.entry.names.includes(name))
  return newer.entry.profile === older.entry.profile && hasNames && newer.certificate.publicKey.equals(older.certificate.publicKey)
}

/** The predecessor's subject with another CN, since two roots of one name confuse people and some clients. */
function successorSubject({ name, subject }: Successor, current: X509Certificate, now: number): { name: string; subject: DistinguishedName } {
  const old = readSubject(current)
  const oldName = findAttribute(old, 'CN') ?? 'lacre CA'
  const year = new Date(now).getUTCFullYear()
  const stem = oldName.replace(/ \d{4}(?: \(\d+\))?$/, '')
  const count = Number(/\((\d+)\)$/.exec(oldName)?.[1] ?? 1) + 1
  const successorName = oldName.startsWith(`${stem} ${year}`) ? `${stem} ${year} (${count})` : `${stem} ${year}`
  return { name: name ?? successorName, subject: subject ?? old.filter(({ type }) => type !== 'CN') }
}

/** The constraints of the CA that signs now, for the successor to inherit. */
export async function currentConstraints(directory: string): Promise<NameConstraints | undefined> {
  return readNameConstraints(await readAuthorityCertificate(authorityPaths(directory)))
}

function underWay(phase: RotationPhase, { next }: Paths): CertificateError {
  const hint =
    phase === 'prepared'
      ? `go on with "lacre ca rotate switch" once clients have the new bundle; to give it up, remove ${next.folder}`
      : 'end it first: lacre ca rotate finish'
  return new CertificateError('a rotation is under way', { hint })
}
