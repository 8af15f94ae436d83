import { Command } from 'commander'
import { createAuthority } from '../pki/authority.ts'
import { authorityPaths, readAuthorityCertificate } from '../pki/authority-files.ts'
import { CertificateError } from '../pki/certificate-error.ts'
import { findAttribute, formatSubject, parseSubject } from '../pki/distinguished-name.ts'
import { keyKinds, parseKeyKind } from '../pki/key-kind.ts'
import { formatConstraints, parsePermits } from '../pki/name-constraints.ts'
import { type AuthorityDescription, describeAuthority } from './authority-description.ts'
import { obtainNewPassphrase, type PassphraseOptions, withNewPassphrase } from './passphrase-input.ts'
import { locatePki, type PkiOptions, printResult, withLedger, withPki } from './pki-folder.ts'

interface InitOptions extends PkiOptions, PassphraseOptions {
  readonly name?: string
  readonly subject?: string
  readonly permit?: readonly string[]
  readonly key: string
  readonly days: string
  readonly dryRun?: boolean
}

const INIT_EXAMPLES = `
Examples:
  lacre ca init --no-passphrase
  lacre ca init --name "SINGLETON CA" --permit intranet --permit 10.0.0.0/8
  lacre ca init --pki /out --subject "C=FR,O=SINGLETON,OU=R&D" --key rsa:4096

"lacre up" makes a CA by itself. With --permit, clients believe the CA for these
domains and networks alone, and for localhost.`

/** `lacre ca`: the certificate authority that clients trust. */
export function caCommand(data: string): Command {
  const init = withNewPassphrase(withPki(new Command('init').description('make a CA'), data))
    .option('--name <name>', 'its name, the CN (default: "lacre CA" and the year)')
    .option('--subject <subject>', 'what stands before the CN, for example C=FR,O=SINGLETON')
    .option('--permit <name...>', 'domain or network it may vouch for, and no other')
    .option('--key <kind>', `kind of its key: ${keyKinds.join(' ')}`, keyKinds[0])
    .option('--days <number>', 'how long it lasts', '3650')
    .option('--dry-run', 'tell what would be made')
    .addHelpText('after', INIT_EXAMPLES)
    .action(initialize)
  const show = withPki(new Command('show').description('the CA, its fingerprint, and how long it lasts'), data)
    .addHelpText('after', '\nExample:\n  lacre ca show --json')
    .action(showAuthority)
  return new Command('ca').description('the certificate authority that clients trust').addCommand(init).addCommand(show)
}

async function initialize(options: InitOptions): Promise<void> {
  const subject = options.subject === undefined ? [] : parseSubject(options.subject)
  const wanted = {
    name: options.name ?? findAttribute(subject, 'CN') ?? `lacre CA ${new Date().getUTCFullYear()}`,
    subject,
    kind: parseKeyKind(options.key),
    days: parseDays(options.days),
    ...(options.permit && { permit: parsePermits(options.permit) }),
  }
  const directory = await locatePki(options)
  if (options.dryRun) {
    const limits = wanted.permit ? [`  limited to ${formatConstraints(wanted.permit)}`] : []
    const name = formatSubject([...subject, { type: 'CN', value: wanted.name }])
    return printResult(options, { directory, ...wanted, dryRun: true }, [`would make the CA ${name} in ${authorityPaths(directory).folder}`, ...limits])
  }
  const passphrase = await obtainNewPassphrase(options)
  const secret = passphrase === undefined ? {} : { passphrase }
  const made = await withLedger(directory, (ledger) => createAuthority({ directory, ledger, ...wanted, ...secret }))
  printAuthority(options, describeAuthority(made.certificate, directory))
}

async function showAuthority(options: PkiOptions): Promise<void> {
  const directory = await locatePki(options)
  printAuthority(options, describeAuthority(await readAuthorityCertificate(authorityPaths(directory)), directory))
}

function printAuthority(options: PkiOptions, authority: AuthorityDescription): void {
  printResult(
    options,
    authority,
    Object.entries(authority)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name.padEnd(12)} ${value}`),
  )
}

function parseDays(text: string): number {
  const days = Number(text)
  if (Number.isInteger(days) && days > 0 && days <= 36_500) return days
  throw new CertificateError(`${JSON.stringify(text)} is no number of days`, { hint: 'for example --days 3650' })
}
