import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import type { Authority } from '../pki/authority.ts'
import { fileNameOf } from '../pki/bundles.ts'
import { CertificateError } from '../pki/certificate-error.ts'
import { type CertificatePair, choosePair, findEntry, findPairs, getPairs, isDue, pairFolders, renewPair } from '../pki/certificate-pair.ts'
import { certificateNames } from '../pki/certificate-parts.ts'
import { keyKindOf, makeKey } from '../pki/key-kind.ts'
import { type LedgerEntry, type RevocationReason, revocationReasons } from '../pki/ledger.ts'
import { asStarted } from '../volume/owner.ts'
import { notes, type SigningOptions, withAuthority } from './cert-signing.ts'
import { formatField, formatNames } from './certificate-description.ts'
import { withPassphrase } from './passphrase-input.ts'
import { locatePki, type PkiOptions, printResult, withPki } from './pki-folder.ts'
import { writeOut } from './write-out.ts'

interface RenewOptions extends SigningOptions {
  readonly all?: boolean
  readonly due?: boolean
  readonly rekey?: boolean
  readonly out?: string
}

interface RevokeOptions extends SigningOptions {
  readonly reason: RevocationReason
  readonly profile?: 'server' | 'client'
}

const RENEW_EXAMPLES = `
Examples:
  lacre cert renew registry.intranet
  lacre cert renew alice --rekey
  lacre cert renew --due --json           for a timer: what has lived two thirds
  lacre cert renew --out /etc/registry/certs

Key, names and subject stay, and the files are written where they were.
A running "lacre up" renews its own certificate by itself.`

const REVOKE_EXAMPLES = `
Examples:
  lacre cert revoke alice --reason keyCompromise
  lacre cert revoke 6ff6ac3be9155bd484c5df50876316b7

A running registry refuses the certificate from its next request on, if its
http.tls.clientcas names ca.crt or bundle.crt in the folder of this CA. One that
has a copy of them needs the new list too: name crl.pem in http.tls.crls.`

/** `lacre cert renew`, `revoke` and `list`: what was issued, and its later life. */
export function keepCommands(data: string): Command[] {
  const renew = withPassphrase(withPki(new Command('renew').description('sign certificates again, for as long as before'), data))
    .argument('[name]', 'what it was issued for, or "server" for the registry\'s own')
    .option('--all', 'all that are in the folder of the CA')
    .option('--due', 'those of them that have lived two thirds of their life')
    .option('--rekey', 'make a new key, too')
    .option('--out <dir>', 'the folder with certificate and key, if it is elsewhere')
    .option('--dry-run', 'tell what would be renewed')
    .addHelpText('after', RENEW_EXAMPLES)
    .action(renewNamed)
  const revoke = withPassphrase(withPki(new Command('revoke').description('take a certificate back, and write a new revocation list'), data))
    .argument('<name>', 'what it was issued for, or its serial')
    .addOption(new Option('--reason <reason>', 'why').choices(Object.keys(revocationReasons)).default('unspecified'))
    .addOption(new Option('--profile <profile>', 'which, where a server and an account have the name').choices(['server', 'client']))
    .option('--dry-run', 'tell what would be revoked')
    .addHelpText('after', REVOKE_EXAMPLES)
    .action(revokeNamed)
  const list = withPki(new Command('list').description('what the CA has issued'), data)
    .addHelpText('after', '\nExample:\n  lacre cert list --json')
    .action(listIssued)
  return [renew, revoke, list]
}

async function renewNamed(name: string | undefined, options: RenewOptions): Promise<void> {
  const directory = await locatePki(options)
  const pairs = await choosePairs(directory, name, options)
  await withAuthority(directory, options, async (authority) => {
    const chosen = pairs.flatMap((pair) => (isChosen(authority, pair, options) ? [{ pair, entry: findEntry(authority, pair) }] : []))
    const renewed = []
    for (const each of chosen) renewed.push(options.dryRun ? describePair(each.pair) : await renewOne(directory, authority, each, options))
    const verb = options.dryRun ? 'would renew' : 'renewed'
    const lines = renewed.flatMap(({ names, notAfter, files, warnings }) => [
      `${verb} ${formatNames(names)}: ${options.dryRun ? 'it ends' : 'good until'} ${notAfter.slice(0, 10)}`,
      ...files.map((path) => `  ${path}`),
      ...notes(warnings),
    ])
    printResult(options, { renewed, ...(options.dryRun && { dryRun: true }) }, lines.length > 0 ? lines : ['nothing is due'])
  })
}

/** Of many, only those that this CA has issued, and that are due if that is asked for. */
function isChosen(authority: Authority, { certificate }: CertificatePair, { all, due }: RenewOptions): boolean {
  if (!all && !due) return true
  const isOurs = authority.list().some(({ fingerprint256, revokedAt }) => fingerprint256 === certificate.fingerprint256 && !revokedAt)
  return isOurs && (!due || isDue(certificate, Date.now()))
}

async function choosePairs(directory: string, name: string | undefined, { all, due, out }: RenewOptions): Promise<CertificatePair[]> {
  if (out !== undefined) return [choosePair(await asStarted(() => getPairs(resolve(out))), name === undefined ? {} : { name })]
  if (name !== undefined) return getPairs(name === 'server' ? join(directory, 'server') : join(directory, 'issued', fileNameOf(name)))
  if (!all && !due)
    throw new CertificateError('which certificate?', { hint: 'give a name, --out DIR, --due or --all; "lacre cert list" shows what was issued' })
  return (await Promise.all((await pairFolders(directory)).map(findPairs))).flat()
}

interface Chosen {
  readonly pair: CertificatePair
  readonly entry: LedgerEntry
}

interface Renewed {
  readonly names: readonly string[]
  readonly serial: string
  readonly notAfter: string
  readonly files: readonly string[]
  readonly warnings: readonly string[]
}

async function renewOne(directory: string, authority: Authority, { pair, entry }: Chosen, { rekey }: RenewOptions): Promise<Renewed> {
  const { issued, files } = await renewPair(authority, pair, { entry, ...(rekey && { makeKey: () => makeKey(keyKindOf(pair.key)) }) })
  const paths = await writeOut(directory, pair.folder, files)
  const { names, serial, notAfter } = issued.entry
  return { names, serial, notAfter: notAfter.toISOString(), files: paths, warnings: issued.warnings }
}

function describePair({ certificate, certificatePath }: CertificatePair): Renewed {
  const names = certificateNames(certificate)
  const serial = certificate.serialNumber.toLowerCase()
  return { names, serial, notAfter: certificate.validToDate.toISOString(), files: [certificatePath], warnings: [] }
}

async function revokeNamed(name: string, options: RevokeOptions): Promise<void> {
  const directory = await locatePki(options)
  await withAuthority(directory, options, async (authority) => {
    const revoked = options.dryRun ? authority.findRevocable(name, options.profile) : await authority.revoke(name, options.reason, options.profile)
    const verb = options.dryRun ? 'would revoke' : 'revoked'
    printResult(options, { revoked: revoked.map(toJson), ...(options.dryRun && { dryRun: true }) }, [
      ...revoked.flatMap((entry) => [`${verb} ${entry.subject}`, `  ${entry.serial}`]),
      ...(options.dryRun ? [] : [`the new list is ${join(directory, 'crl.pem')}`]),
    ])
  })
}

async function listIssued(options: PkiOptions): Promise<void> {
  const directory = await locatePki(options)
  const entries = await withAuthority(directory, {}, async (authority) => authority.list())
  printResult(
    options,
    entries.map(toJson),
    entries.flatMap((entry) => [...formatField(entry.profile, describeEntry(entry), 11), ...formatField('', entry.serial, 11)]),
  )
}

function describeEntry({ names, subject, notAfter, revokedAt, reason }: LedgerEntry): string {
  const state = revokedAt
    ? `revoked ${revokedAt.toISOString().slice(0, 10)} (${reason})`
    : `${notAfter.getTime() < Date.now() ? 'over since' : 'until'} ${notAfter.toISOString().slice(0, 10)}`
  return `${names.length > 0 ? formatNames(names) : subject}: ${state}`
}

function toJson({ serial, profile, names, subject, notBefore, notAfter, fingerprint256, revokedAt, reason }: LedgerEntry) {
  return {
    serial,
    profile,
    names,
    subject,
    notBefore,
    notAfter,
    sha256: fingerprint256.replaceAll(':', '').toLowerCase(),
    ...(revokedAt && { revokedAt, reason }),
  }
}
