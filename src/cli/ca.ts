import { Command } from 'commander'
import { createAuthority, openAuthority } from '../pki/authority.ts'
import { authorityPaths, readAuthorityCertificate } from '../pki/authority-files.ts'
import { renewAuthority } from '../pki/authority-rotation.ts'
import { findAttribute, formatSubject, parseCommonName, parseSubject } from '../pki/distinguished-name.ts'
import { keyKinds, parseKeyKind } from '../pki/key-kind.ts'
import { formatConstraints, parsePermits } from '../pki/name-constraints.ts'
import { CA_DAYS, rootSubject } from '../pki/root-certificate.ts'
import { describeAuthority, formatAuthority } from './authority-description.ts'
import { exportCommand } from './ca-export.ts'
import { importCommand } from './ca-import.ts'
import { rotateCommand } from './ca-rotate.ts'
import { askPassphrase, obtainNewPassphrase, type PassphraseOptions, withNewPassphrase, withPassphrase } from './passphrase-input.ts'
import { locatePki, type PkiOptions, parseDays, printResult, withLedger, withPki } from './pki-folder.ts'

interface InitOptions extends PkiOptions, PassphraseOptions {
  readonly name?: string
  readonly subject?: string
  readonly permit?: readonly string[]
  readonly key: string
  readonly days: number
  readonly dryRun?: boolean
  readonly force?: boolean
}

interface RenewOptions extends PkiOptions, PassphraseOptions {
  readonly days: number
  readonly dryRun?: boolean
}

const INIT_EXAMPLES = `
Examples:
  lacre ca init --no-passphrase
  lacre ca init --name "SINGLETON CA" --permit intranet --permit 10.0.0.0/8
  lacre ca init --pki /out --subject "C=FR,O=SINGLETON,OU=R&D" --key rsa:4096

"lacre up" makes a CA by itself. With --permit, clients believe the CA for these
domains and networks alone, and for localhost.`

const EXAMPLES = `
Examples:
  lacre ca show
  lacre ca export --format docker --host registry.intranet:5000 --out certs.d`

/** `lacre ca`: the certificate authority that clients trust. */
export function caCommand(data: string): Command {
  return new Command('ca')
    .description('the certificate authority that clients trust')
    .addCommand(initCommand(data))
    .addCommand(importCommand(data))
    .addCommand(showCommand(data))
    .addCommand(exportCommand(data))
    .addCommand(listCommand(data))
    .addCommand(rotateCommand(data))
    .addCommand(renewCommand(data))
    .addHelpText('after', EXAMPLES)
}

function initCommand(data: string): Command {
  return withNewPassphrase(withPki(new Command('init').description('make a CA'), data))
    .option('--name <name>', 'its name, the CN (default: "lacre CA" and the year)')
    .option('--subject <subject>', 'what stands before the CN, for example C=FR,O=SINGLETON')
    .option('--permit <name...>', 'domain or network it may vouch for, and no other')
    .option('--key <kind>', `kind of its key: ${keyKinds.join(' ')}`, keyKinds[0])
    .option('--days <number>', 'how long it lasts', parseDays, CA_DAYS)
    .option('--force', 'put a CA that is there aside, as ca.backup-DATE')
    .option('--dry-run', 'tell what would be made')
    .addHelpText('after', INIT_EXAMPLES)
    .action(initialize)
}

function showCommand(data: string): Command {
  return withPki(new Command('show').description('the CA, its fingerprint, and how long it lasts'), data)
    .addHelpText('after', '\nExample:\n  lacre ca show --json')
    .action(showAuthority)
}

function listCommand(data: string): Command {
  return withPassphrase(withPki(new Command('crl').description('write the list of revoked certificates anew, good for 30 days'), data))
    .option('--dry-run', 'tell what would be listed')
    .addHelpText('after', '\nExample:\n  lacre ca crl --passphrase-file /run/secrets/ca')
    .action(renewList)
}

function renewCommand(data: string): Command {
  return withPassphrase(withPki(new Command('renew').description('make the CA last longer: same key and name, so that all it signed stays valid'), data))
    .option('--days <number>', 'how long from today', parseDays, CA_DAYS)
    .option('--dry-run', 'tell until when it would last')
    .addHelpText('after', '\nExample:\n  lacre ca renew --days 3650\n\nGive the new ca.crt to all clients before the old one ends.')
    .action(renew)
}

async function initialize(options: InitOptions): Promise<void> {
  const subject = options.subject === undefined ? [] : parseSubject(options.subject)
  const wanted = {
    name: (options.name === undefined ? undefined : parseCommonName(options.name)) ?? findAttribute(subject, 'CN') ?? `lacre CA ${new Date().getUTCFullYear()}`,
    subject,
    kind: parseKeyKind(options.key),
    days: options.days,
    ...(options.permit && { permit: parsePermits(options.permit) }),
  }
  const directory = await locatePki(options)
  if (options.dryRun) {
    const limits = wanted.permit ? [`  limited to ${formatConstraints(wanted.permit)}`] : []
    const name = formatSubject(rootSubject(wanted))
    return printResult(options, { directory, ...wanted, dryRun: true }, [`would make the CA ${name} in ${authorityPaths(directory).folder}`, ...limits])
  }
  const passphrase = await obtainNewPassphrase(options)
  const secret = passphrase === undefined ? {} : { passphrase }
  const made = await withLedger(directory, (ledger) => createAuthority({ directory, ledger, ...wanted, ...secret, replace: options.force === true }))
  const described = describeAuthority(made.certificate, directory)
  printResult(options, described, formatAuthority(described))
}

async function showAuthority(options: PkiOptions): Promise<void> {
  const directory = await locatePki(options)
  const described = describeAuthority(await readAuthorityCertificate(authorityPaths(directory)), directory)
  printResult(options, described, formatAuthority(described))
}

async function renewList(options: PkiOptions & PassphraseOptions & { readonly dryRun?: boolean }): Promise<void> {
  const directory = await locatePki(options)
  const { listPem, listDer } = authorityPaths(directory)
  await readAuthorityCertificate(authorityPaths(directory))
  await withLedger(directory, async (ledger) => {
    const authority = await openAuthority({ directory, ledger, askPassphrase: askPassphrase(options) })
    if (options.dryRun) {
      const revoked = authority.list().filter(({ revokedAt }) => revokedAt !== undefined).length
      return printResult(options, { revoked, dryRun: true }, [`would write ${listPem} with ${revoked} certificates at most`])
    }
    const { number, nextUpdate, size } = await authority.renewCrl()
    const until = nextUpdate.toISOString()
    printResult(options, { number, revoked: size, nextUpdate: until, pem: listPem, der: listDer }, [
      `list ${number} with ${size} revoked certificates, good until ${until}`,
      `  ${listPem}`,
      `  ${listDer}`,
    ])
  })
}

async function renew(options: RenewOptions): Promise<void> {
  const directory = await locatePki(options)
  const old = await readAuthorityCertificate(authorityPaths(directory))
  if (options.dryRun) {
    const until = new Date(Date.now() + options.days * 86_400_000).toISOString()
    return printResult(options, { notAfter: until, dryRun: true }, [`the CA ends on ${old.validToDate.toISOString()}, and would end on ${until}`])
  }
  const renewed = await withLedger(directory, (ledger) => renewAuthority({ directory, ledger, askPassphrase: askPassphrase(options), days: options.days }))
  const described = describeAuthority(renewed, directory)
  printResult(options, described, [
    ...formatAuthority(described),
    '',
    'Give this certificate to all clients before the old one ends,',
    `on ${old.validToDate.toISOString()}.`,
  ])
}
