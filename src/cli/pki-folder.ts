import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { openCertificateLedger } from '../metadata/certificate-ledger.ts'
import { authorityPaths } from '../pki/authority-files.ts'
import { findAuthorityFolder } from '../pki/former-folder.ts'
import type { Ledger } from '../pki/ledger.ts'
import { STATE } from '../volume/layout.ts'
import { actAs, findForeignOwner } from '../volume/owner.ts'
import { escapeControls } from './terminal-text.ts'

/** The folder of an authority, as options name it. */
export interface PkiOptions {
  readonly pki?: string
  readonly data: string
  readonly json?: boolean
}

/** Adds the options that name the folder of an authority. */
export function withPki(command: Command, data: string): Command {
  return command
    .addOption(new Option('--pki <dir>', 'folder of the CA (default: lacre/state/pki in the data folder)'))
    .option('--data <dir>', 'folder of the registry', data)
    .option('--json', 'print JSON')
}

/** The folder of the authority. Files made there from now on are of the user who owns the registry, whoever runs the command. */
export async function locatePki({ pki, data }: PkiOptions): Promise<string> {
  if (pki !== undefined) return resolve(pki)
  const root = resolve(data)
  if (existsSync(root)) actAs(findForeignOwner(root))
  return findAuthorityFolder(join(root, STATE, 'pki'))
}

/** Lends the ledger of an authority's folder, which is made where there is none. */
export async function withLedger<T>(directory: string, work: (ledger: Ledger) => Promise<T>): Promise<T> {
  mkdirSync(dirname(directory), { recursive: true, mode: 0o700 })
  const ledger = openCertificateLedger(authorityPaths(directory).ledger)
  try {
    return await work(ledger)
  } finally {
    ledger.close()
  }
}

export function parseDays(text: string): number {
  const days = Number(text)
  if (Number.isInteger(days) && days > 0 && days <= 36_500) return days
  throw new InvalidArgumentError('give a number of days, for example 365')
}

/** Prints one JSON document, or lines for people. */
export function printResult({ json }: Pick<PkiOptions, 'json'>, data: unknown, lines: readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify(data)}\n` : lines.map((line) => `${escapeControls(line)}\n`).join(''))
}
