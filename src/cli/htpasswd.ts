import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AccessError, type AccessErrorCode } from '../access/access-error.ts'
import { findIllegalCharacter, parseAccountName } from '../access/account-name.ts'
import { hashPassword, putAccount, removeAccount, verifyAccount } from '../access/accounts.ts'
import { COST_RANGE, PASSWORD_LIMIT, parseCost, parseNewPassword } from '../access/passwords.ts'
import { type HtpasswdArguments, HtpasswdExit, parseHtpasswdArguments } from './htpasswd-arguments.ts'
import { type CommandStreams, readHiddenLine, readLines, readPipedPassword } from './password-input.ts'

const USAGE = `Usage:
\thtpasswd [-ciBDv] [-C cost] passwordfile username
\thtpasswd -b[cBDv] [-C cost] passwordfile username password

\thtpasswd -n[iB] [-C cost] username
\thtpasswd -nb[B] [-C cost] username password
 -c  Create a new file.
 -n  Don't update file; display results on stdout.
 -b  Use the password from the command line rather than prompting for it.
 -i  Read password from stdin without verification (for script usage).
 -B  Use bcrypt (always: the registry takes nothing else).
 -C  Set the computing time used for the bcrypt algorithm
     (higher is more secure but slower, default: 5, valid: ${COST_RANGE.least} to ${COST_RANGE.most}).
 -D  Delete the specified user.
 -v  Verify password for the specified user.
`

// Apache's exit statuses
const FILE_TROUBLE = 1
const MISMATCH = 3
const INTERRUPTED = 4
const TOO_LONG = 5
const BAD_USER = 6
const INVALID = 7
const UNSUPPORTED = 9

/**
 * Apache's htpasswd, as far as a registry needs it: same options, messages and exit statuses. Three things differ on purpose: every hash is bcrypt, files are
 * 0600, and passwords that are empty or longer than 72 bytes are refused.
 *
 * @see https://httpd.apache.org/docs/2.4/programs/htpasswd.html
 */
export async function runHtpasswd(argv: readonly string[], streams: CommandStreams = process): Promise<number> {
  try {
    const request = parseHtpasswdArguments(argv)
    return await perform(request, streams).catch((error) => Promise.reject(translate(error, request)))
  } catch (error) {
    if (!(error instanceof HtpasswdExit)) throw error
    if (error.message) streams.stderr.write(`htpasswd: ${error.message}\n`)
    if (error.showsUsage) streams.stderr.write(USAGE)
    return error.status
  }
}

async function perform(request: HtpasswdArguments, streams: CommandStreams): Promise<number> {
  if (request.file !== undefined) await checkFile(request.file, request.task)
  if (request.task === 'delete') return await deleteUser(request, streams)
  if (request.task === 'verify') return await verifyUser(request, streams)
  const line = { name: request.user, hash: await makeHash(request, streams) }
  if (request.file === undefined) {
    streams.stdout.write(`${line.name}:${line.hash}\n\n`) // Apache's has the blank line too
    return 0
  }
  const outcome = await putAccount(request.file, line, { afresh: request.task === 'create' })
  streams.stderr.write(`${outcome === 'added' ? 'Adding' : 'Updating'} password for user ${request.user}\n`)
  return 0
}

async function deleteUser({ file = '', user }: HtpasswdArguments, { stderr }: CommandStreams): Promise<number> {
  const isGone = await removeAccount(file, user).then(
    () => true,
    (error) => (isUnknown(error) ? false : Promise.reject(error)),
  )
  stderr.write(isGone ? `Deleting password for user ${user}\n` : `User ${user} not found\n`)
  return 0
}

async function verifyUser(request: HtpasswdArguments, streams: CommandStreams): Promise<number> {
  const { file = '', user } = request
  const password = request.source === 'prompt' ? await prompt(['Enter password: '], streams) : await givenPassword(request, streams)
  const matches = await verifyAccount(file, user, password).catch((error) => (isUnknown(error) ? undefined : Promise.reject(error)))
  const [status, message] =
    matches === undefined
      ? [BAD_USER, `User ${user} not found`]
      : matches
        ? [0, `Password for user ${user} correct.`]
        : [MISMATCH, 'password verification failed']
  streams.stderr.write(`${message}\n`)
  return status
}

async function makeHash(request: HtpasswdArguments, streams: CommandStreams): Promise<string> {
  checkUser(request.user)
  if (request.otherAlgorithm) throw new HtpasswdExit(UNSUPPORTED, `-${request.otherAlgorithm} is no use here: the registry takes only bcrypt (-B)`)
  const text = request.source === 'prompt' ? await prompt(['New password: ', 'Re-type new password: '], streams) : await givenPassword(request, streams)
  return await hashPassword(parseNewPassword(text), parseCost(String(request.cost)))
}

async function givenPassword({ password }: HtpasswdArguments, { stdin }: CommandStreams): Promise<string> {
  return password ?? (await readPipedPassword(stdin))
}

/** The same line for each prompt, typed or, without a terminal, piped in. */
async function prompt(prompts: readonly string[], streams: CommandStreams): Promise<string> {
  const lines = streams.stdin.isTTY ? await typeLines(prompts, streams) : (await readLines(streams.stdin)).slice(0, prompts.length)
  const [password = '', again = password] = lines
  if (again !== password) throw new HtpasswdExit(MISMATCH, 'password verification error')
  return password
}

async function typeLines(prompts: readonly string[], streams: CommandStreams): Promise<string[]> {
  const lines: string[] = []
  for (const text of prompts) {
    const line = await readHiddenLine(text, streams)
    if (line === undefined) throw new HtpasswdExit(INTERRUPTED, 'interrupted')
    lines.push(line)
  }
  return lines
}

function checkUser(user: string): void {
  const illegal = findIllegalCharacter(user)
  if (illegal) throw new HtpasswdExit(BAD_USER, `username contains illegal character '${JSON.stringify(illegal).slice(1, -1)}'`)
  parseAccountName(user)
}

async function checkFile(file: string, task: HtpasswdArguments['task']): Promise<void> {
  const stats = await stat(file).catch(() => undefined)
  if (task === 'create') {
    const folder = await stat(dirname(file)).catch(() => undefined)
    if (stats ? !stats.isFile() : !folder?.isDirectory()) throw new HtpasswdExit(FILE_TROUBLE, `cannot create file ${file}`)
  } else if (!stats?.isFile()) throw new HtpasswdExit(FILE_TROUBLE, `cannot modify file ${file}; use '-c' to create it`)
}

const STATUSES: Partial<Record<AccessErrorCode, number>> = {
  NAME_INVALID: BAD_USER,
  PASSWORD_EMPTY: MISMATCH,
  PASSWORD_INVALID: MISMATCH,
  PASSWORD_TOO_LONG: TOO_LONG,
  COST_INVALID: MISMATCH,
  HASH_UNUSABLE: MISMATCH,
  FILE_INVALID: INVALID,
  FILE_MISSING: FILE_TROUBLE,
  FILE_UNUSABLE: FILE_TROUBLE,
  FILE_BUSY: FILE_TROUBLE,
}

function translate(error: unknown, { file }: HtpasswdArguments): unknown {
  const status = error instanceof AccessError ? STATUSES[error.code] : undefined
  if (!(error instanceof AccessError) || status === undefined) return error
  if (error.code === 'FILE_INVALID') return new HtpasswdExit(status, `The file ${file} does not appear to be a valid htpasswd file.`)
  if (error.code === 'PASSWORD_TOO_LONG') return new HtpasswdExit(status, `password too long (> ${PASSWORD_LIMIT})`)
  if (error.code === 'COST_INVALID') return new HtpasswdExit(status, 'Unable to encode with bcrypt: Invalid argument')
  return new HtpasswdExit(status, `${error.message}; ${error.hint}`)
}

function isUnknown(error: unknown): boolean {
  return error instanceof AccessError && error.code === 'ACCOUNT_UNKNOWN'
}
