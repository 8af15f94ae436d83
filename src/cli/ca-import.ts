import { Command } from 'commander'
import { CertificateError } from '../pki/certificate-error.ts'
import { readKeyFile } from '../pki/key-file.ts'
import { authorityWarnings, type FoundAuthority, findAuthority, readPair, takeOver } from '../pki/takeover.ts'
import { describeAuthority, formatAuthority } from './authority-description.ts'
import { notes } from './cert-signing.ts'
import { askPassphrase, obtainNewPassphrase, type PassphraseOptions, withNewPassphrase } from './passphrase-input.ts'
import { locatePki, type PkiOptions, printResult, withLedger, withPki } from './pki-folder.ts'

interface ImportOptions extends PkiOptions, PassphraseOptions {
  readonly name?: string
  readonly cert?: string
  readonly key?: string
  readonly force?: boolean
  readonly dryRun?: boolean
}

const EXAMPLES = `
Examples:
  lacre ca import out --name registry.ca        a depot of certstrap
  lacre ca import /etc/easy-rsa/pki --passphrase-file phrase
  lacre ca import "$(mkcert -CAROOT)" --no-passphrase
  lacre ca import --cert ca.pem --key ca-key.pem --dry-run

Clients that trust the CA go on doing so. What was found stays as it is: remove
the key there once it is here. A key that is encrypted stays so, with the same
passphrase.`

/** `lacre ca import`: a CA that another program has made, taken over with what it has issued. */
export function importCommand(data: string): Command {
  return withNewPassphrase(withPki(new Command('import').description('take over a CA of certstrap, easy-rsa, mkcert or openssl'), data))
    .argument('[dir]', 'its folder')
    .option('--name <name>', 'which CA, where the folder holds several')
    .option('--cert <file>', "the CA's certificate, in place of a folder")
    .option('--key <file>', 'and its key')
    .option('--force', 'put a CA that is here aside, as ca.backup-DATE')
    .option('--dry-run', 'tell what was found')
    .addHelpText('after', EXAMPLES)
    .action(importAuthority)
}

async function importAuthority(folder: string | undefined, options: ImportOptions): Promise<void> {
  const found = await find(folder, options)
  const counted = count(found)
  const warnings = authorityWarnings(found.certificate)
  if (options.dryRun) {
    const { program, certificatePath, keyPath } = found
    return printResult(options, { program, certificate: certificatePath, key: keyPath, ...counted, warnings, dryRun: true }, [
      `found a CA of ${program}: ${certificatePath} and ${keyPath}`,
      ...describeCounts(counted),
      ...notes(warnings),
    ])
  }
  const { key, passphrase } = await openKey(found, options)
  const directory = await locatePki(options)
  const secret = passphrase === undefined ? {} : { passphrase }
  const taken = await withLedger(directory, (ledger) => takeOver(found, { directory, ledger, key, ...secret, replace: options.force === true }))
  const described = describeAuthority(taken.certificate, directory)
  printResult(options, { ...described, ...counted, warnings }, [
    ...formatAuthority(described),
    ...describeCounts(counted),
    ...notes(warnings),
    '',
    `The key is here now: remove ${found.keyPath} when all works.`,
  ])
}

async function find(folder: string | undefined, { cert, key, name }: ImportOptions): Promise<FoundAuthority> {
  if (cert !== undefined && key !== undefined) return readPair(cert, key)
  if (folder !== undefined && cert === undefined && key === undefined) return findAuthority(folder, name)
  throw new CertificateError('which CA?', { hint: 'name its folder, or both its files with --cert FILE --key FILE' })
}

/** The key, and the passphrase that it is to have: the one it has had, or else a new one. */
async function openKey({ keyPath }: FoundAuthority, options: ImportOptions) {
  const ask = askPassphrase(options)
  let told: string | undefined
  const key = await readKeyFile(keyPath, async (path, attempt) => {
    told = await ask(path, attempt)
    return told
  })
  return { key, passphrase: options.passphrase === false ? undefined : (told ?? (await obtainNewPassphrase(options))) }
}

interface Counts {
  readonly issued: number
  readonly revoked: number
}

function count({ issued }: FoundAuthority): Counts {
  return { issued: issued.length, revoked: issued.filter(({ revokedAt }) => revokedAt !== undefined).length }
}

function describeCounts({ issued, revoked }: Counts): string[] {
  return [`${issued} certificates that it has issued, ${revoked} of them revoked`]
}
