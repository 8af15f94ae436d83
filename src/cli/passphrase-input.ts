import { isCancel, password as promptPassword } from '@clack/prompts'
import { type Command, Option } from 'commander'
import { findVariable } from '../config/load.ts'
import { CertificateError } from '../pki/certificate-error.ts'
import type { AskPassphrase } from '../pki/key-file.ts'
import { readText } from '../pki/pem.ts'
import { asStarted } from '../volume/owner.ts'
import type { CommandStreams } from './password-input.ts'

/** What {@link withPassphrase} makes of the command line. */
export interface PassphraseOptions {
  readonly passphraseFile?: string
  readonly passphraseEnv?: string
  /** `false` by `--no-passphrase`. */
  readonly passphrase?: boolean
}

/** Options that tell the passphrase of an encrypted key; never the passphrase itself, which `ps` would show. */
export function withPassphrase(command: Command): Command {
  return command
    .addOption(new Option('--passphrase-file <path>', "the CA key's passphrase: first line of a file").conflicts('passphraseEnv'))
    .option('--passphrase-env <name>', "the CA key's passphrase: an environment variable")
}

/** The same for a key that is made: it may also have none. */
export function withNewPassphrase(command: Command): Command {
  const without = new Option('--no-passphrase', 'do not encrypt the key').conflicts(['passphraseFile', 'passphraseEnv'])
  return withPassphrase(command).addOption(without)
}

/** Tells the passphrase of a key that exists: once from a file or variable, as often as asked from a person. */
export function askPassphrase(options: PassphraseOptions, streams: CommandStreams = process): AskPassphrase {
  return async (path, attempt) => {
    if (isGiven(options)) return attempt === 1 ? readGiven(options) : undefined
    if (!isTerminal(streams)) return undefined
    return ask(attempt === 1 ? `Passphrase for ${path}` : `Not that one. Passphrase for ${path}, attempt ${attempt} of 3`, streams)
  }
}

/**
 * The passphrase for a new key; `undefined` for none. A person types it twice.
 *
 * @throws CertificateError if neither an option nor a person says whether there is one.
 */
export async function obtainNewPassphrase(options: PassphraseOptions, streams: CommandStreams = process): Promise<string | undefined> {
  if (isGiven(options)) return readGiven(options)
  if (options.passphrase === false) return undefined
  if (!isTerminal(streams)) {
    throw new CertificateError('a new CA key is encrypted with a passphrase, and there is no terminal to ask for it', {
      hint: 'give --passphrase-file FILE or --passphrase-env VARIABLE, or --no-passphrase for a key that whoever reads the file can use',
    })
  }
  const passphrase = await ask('Passphrase for the new key (empty for none)', streams)
  if (passphrase === '') return undefined
  if ((await ask('The same again', streams)) === passphrase) return passphrase
  throw new CertificateError('the two passphrases differ', { hint: 'nothing was made: try again' })
}

function isGiven({ passphraseFile, passphraseEnv }: PassphraseOptions): boolean {
  return passphraseFile !== undefined || passphraseEnv !== undefined
}

async function readGiven({ passphraseFile, passphraseEnv = '' }: PassphraseOptions): Promise<string> {
  const passphrase =
    passphraseFile === undefined ? findVariable(passphraseEnv) : (await asStarted(() => readText(passphraseFile, 'passphrase'))).split(/\r?\n/)[0]
  if (passphrase) return passphrase
  const place = passphraseFile === undefined ? `the variable ${passphraseEnv}` : `the first line of ${passphraseFile}`
  throw new CertificateError(`${place} holds no passphrase`, { hint: 'put the passphrase there, alone' })
}

async function ask(message: string, { stdin, stderr }: CommandStreams): Promise<string> {
  const answer = await promptPassword({ message, input: stdin, output: stderr })
  if (isCancel(answer)) throw new CertificateError('cancelled', { hint: 'nothing was changed' })
  return answer ?? ''
}

function isTerminal({ stdin, stderr }: CommandStreams): boolean {
  return stdin.isTTY === true && stderr.isTTY === true
}
