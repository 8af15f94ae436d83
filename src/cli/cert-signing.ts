import { type Command, Option } from 'commander'
import { type Authority, type Issued, openAuthority } from '../pki/authority.ts'
import { authorityPaths, readAuthorityCertificate } from '../pki/authority-files.ts'
import { type SchemeName, schemeNames } from '../pki/bundles.ts'
import { keyKinds } from '../pki/key-kind.ts'
import { describeCertificate, formatField, formatNames } from './certificate-description.ts'
import { askPassphrase, type PassphraseOptions } from './passphrase-input.ts'
import { type PkiOptions, printResult, withLedger } from './pki-folder.ts'

/** What all commands know that have the CA sign something. */
export interface SigningOptions extends PkiOptions, PassphraseOptions {
  readonly dryRun?: boolean
}

/** What commands know that make a key and what belongs to it. */
export interface PairOptions extends PkiOptions {
  readonly ip?: readonly string[]
  readonly key: string
  readonly days?: number
  readonly subject?: string
  readonly out?: string
  readonly names: SchemeName
  readonly force?: boolean
  readonly dryRun?: boolean
}

export interface IssueOptions extends PairOptions, SigningOptions {
  readonly add?: readonly string[]
}

/** Options of a command that makes a key and what belongs to it. */
export function withPair(command: Command): Command {
  return command
    .option('--key <kind>', `kind of its key: ${keyKinds.join(' ')}`, keyKinds[0])
    .option('--subject <subject>', 'what stands before the CN, for example C=FR,O=SINGLETON')
    .option('--out <dir>', 'where the files go')
    .addOption(new Option('--names <scheme>', 'how the files are called').choices(schemeNames).default(schemeNames[0]))
    .option('--force', 'replace files that are there, and keep them beside')
    .option('--dry-run', 'tell what would be made')
}

/** Opens the CA of a folder, with its ledger, for one piece of work. */
export async function withAuthority<T>(directory: string, options: PassphraseOptions, work: (authority: Authority) => Promise<T>): Promise<T> {
  await readAuthorityCertificate(authorityPaths(directory)) // where there is none, no ledger is made
  return withLedger(directory, async (ledger) => work(await openAuthority({ directory, ledger, askPassphrase: askPassphrase(options) })))
}

/** Tells people what they have got. */
export function printIssued(options: PkiOptions, { certificate, warnings }: Issued, paths: readonly string[]): void {
  const described = describeCertificate(certificate)
  printResult(options, { ...described, files: paths, warnings }, [
    ...formatField('names', formatNames(described.names)),
    ...formatField('valid', `until ${described.notAfter.slice(0, 10)}`),
    ...formatField('serial', described.serial),
    ...paths.flatMap((path, index) => formatField(index === 0 ? 'files' : '', path)),
    ...notes(warnings),
  ])
}

export function notes(warnings: readonly string[]): string[] {
  return warnings.flatMap((warning) => formatField('note', warning))
}
