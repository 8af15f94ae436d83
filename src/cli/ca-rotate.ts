import type { X509Certificate } from 'node:crypto'
import { Command } from 'commander'
import { authorityPaths, readAuthorityCertificate } from '../pki/authority-files.ts'
import { currentConstraints, finishRotation, prepareRotation, type RotationStatus, rotationStatus, switchAuthority } from '../pki/authority-rotation.ts'
import { readSubject } from '../pki/certificate-parts.ts'
import { formatSubject, parseCommonName, parseSubject } from '../pki/distinguished-name.ts'
import { keyKinds, parseKeyKind } from '../pki/key-kind.ts'
import type { Ledger } from '../pki/ledger.ts'
import { joinConstraints, type NameConstraints, parsePermits } from '../pki/name-constraints.ts'
import { CA_DAYS } from '../pki/root-certificate.ts'
import { describeAuthority, plainFingerprint } from './authority-description.ts'
import { askPassphrase, obtainNewPassphrase, type PassphraseOptions, withNewPassphrase, withPassphrase } from './passphrase-input.ts'
import { locatePki, type PkiOptions, parseDays, printResult, withLedger, withPki } from './pki-folder.ts'

interface RotateOptions extends PkiOptions, PassphraseOptions {
  readonly dryRun?: boolean
  readonly force?: boolean
}

interface PrepareOptions extends RotateOptions {
  readonly name?: string
  readonly subject?: string
  readonly permit?: readonly string[]
  readonly unlimited?: boolean
  readonly key: string
  readonly days: number
}

const STEPS = `
Another CA takes the place of the one that clients trust, and nobody is locked
out:
  1. lacre ca rotate prepare   makes it; the bundle holds both
  2. give the bundle to all clients: lacre ca export
  3. lacre ca rotate switch    from now on it signs; issue certificates again
  4. lacre ca rotate status    what still uses the old CA
  5. lacre ca rotate finish    the bundle holds the new one alone`

/** `lacre ca rotate`: another CA in the place of the one that clients trust. */
export function rotateCommand(data: string): Command {
  const step = (name: string, description: string) =>
    withPki(new Command(name).description(description), data)
      .option('--dry-run', 'change nothing')
      .addHelpText('after', `\nExample:\n  lacre ca rotate ${name}`)
  const prepare = withNewPassphrase(step('prepare', 'make the CA that follows; clients should trust both'))
    .option('--name <name>', "its CN (default: the old CA's with this year)")
    .option('--subject <subject>', "what stands before the CN (default: the old CA's)")
    .option('--permit <name...>', 'more domains and networks that it may vouch for')
    .option('--unlimited', 'let it vouch for every name')
    .option('--key <kind>', `kind of its key: ${keyKinds.join(' ')}`, keyKinds[0])
    .option('--days <number>', 'how long it lasts', parseDays, CA_DAYS)
  return new Command('rotate')
    .description('put another CA in the place of the one that clients trust')
    .addCommand(prepare.action(runPrepare))
    .addCommand(step('status', 'where the rotation stands, and what still uses the old CA').action(runStatus))
    .addCommand(withPassphrase(step('switch', 'let the new CA sign from now on')).action(runSwitch))
    .addCommand(step('finish', 'take the old CA out of the bundle').option('--force', 'even if it is in use').action(runFinish))
    .addHelpText('after', STEPS)
}

async function runPrepare(options: PrepareOptions): Promise<void> {
  const directory = await locatePki(options)
  const permit = await successorConstraints(options, directory)
  if (options.dryRun) return printPlan(options, `a new CA in ${authorityPaths(directory).next.folder}; ${authorityPaths(directory).bundle} holds both`)
  const passphrase = await obtainNewPassphrase(options)
  await report(options, directory, (ledger) =>
    prepareRotation({
      directory,
      ledger,
      kind: parseKeyKind(options.key),
      days: options.days,
      permit,
      ...(options.name !== undefined && { name: parseCommonName(options.name) }),
      ...(options.subject !== undefined && { subject: parseSubject(options.subject) }),
      ...(passphrase !== undefined && { passphrase }),
    }),
  )
}

/** The old CA's, and what was asked for besides; none where the old has none and nothing was asked for. */
async function successorConstraints({ permit, unlimited }: PrepareOptions, directory: string): Promise<NameConstraints | undefined> {
  const current = await currentConstraints(directory)
  if (unlimited) return undefined
  if (!permit) return current
  return current ? joinConstraints(current, parsePermits(permit)) : parsePermits(permit)
}

async function runStatus(options: RotateOptions): Promise<void> {
  await report(options, await locatePki(options), (ledger, directory) => rotationStatus({ directory, ledger }))
}

async function runSwitch(options: RotateOptions): Promise<void> {
  const directory = await locatePki(options)
  if (options.dryRun) return printPlan(options, `${authorityPaths(directory).next.certificate} becomes ${authorityPaths(directory).certificate}`)
  await report(options, directory, (ledger) => switchAuthority({ directory, ledger, askPassphrase: askPassphrase(options) }))
}

async function runFinish(options: RotateOptions): Promise<void> {
  const directory = await locatePki(options)
  if (options.dryRun) return printPlan(options, `${authorityPaths(directory).bundle} holds ${authorityPaths(directory).certificate} alone`)
  await report(options, directory, (ledger) => finishRotation({ directory, ledger, force: options.force === true }))
}

function printPlan(options: RotateOptions, sentence: string): void {
  printResult(options, { plan: sentence, dryRun: true }, [`would be: ${sentence}`])
}

const NEXT_STEP = {
  none: ['no rotation is under way'],
  preparing: ['preparing was interrupted: the bundle lacks the successor', 'Finish it: lacre ca rotate prepare; give clients the bundle after it'],
  prepared: ['a successor is prepared, and signs nothing yet', 'Give the bundle to all clients, then: lacre ca rotate switch'],
  switched: ['the new CA signs; the old one is trusted still', 'When nothing uses the old CA: lacre ca rotate finish'],
} as const

async function report(options: RotateOptions, directory: string, work: (ledger: Ledger, directory: string) => Promise<RotationStatus>): Promise<void> {
  await readAuthorityCertificate(authorityPaths(directory))
  const status = await withLedger(directory, (ledger) => work(ledger, directory))
  const { bundle } = authorityPaths(directory)
  const inUse = status.inUse.map(({ serial, subject, profile, notAfter }) => ({ serial, subject, profile, notAfter: notAfter.toISOString() }))
  const [signs, other] = [status.current, status.other].map((certificate) => certificate && describeAuthority(certificate, directory))
  printResult(options, { phase: status.phase, signs, other, bundle, inUse }, formatStatus(status, bundle))
}

function formatStatus({ phase, current, other, inUse }: RotationStatus, bundle: string): string[] {
  const [sentence, advice] = NEXT_STEP[phase]
  if (!other || !advice) return [sentence, ...formatRoot('signs', current)]
  const users = inUse.map(({ subject, notAfter }) => `  ${subject}, until ${notAfter.toISOString()}`)
  const roots = [...formatRoot('signs', current), ...formatRoot(phase === 'switched' ? 'leaves' : 'follows', other)]
  return [sentence, ...roots, `bundle   ${bundle}`, ...(users.length > 0 ? ['in use from the old CA:', ...users] : ['nothing of the old CA is in use']), advice]
}

function formatRoot(role: string, certificate: X509Certificate): string[] {
  return [`${role.padEnd(8)} ${formatSubject(readSubject(certificate))}`, `         ${plainFingerprint(certificate)}`]
}
