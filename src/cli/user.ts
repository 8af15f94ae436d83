import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isCancel, password as promptPassword } from '@clack/prompts'
import { Command, InvalidArgumentError, Option } from 'commander'
import { AccessError } from '../access/access-error.ts'
import { parseAccountName } from '../access/account-name.ts'
import { type Account, addAccount, listAccounts, removeAccount, setPassword, verifyAccount } from '../access/accounts.ts'
import type { EditedFile } from '../access/htpasswd-edit.ts'
import { type BcryptCost, DEFAULT_COST, generatePassword, type NewPassword, parseCost, parseNewPassword } from '../access/passwords.ts'
import { actAs, findForeignOwner } from '../volume/owner.ts'
import { type CommandStreams, readPipedPassword } from './password-input.ts'

export interface UserCommandOptions {
  /** The folder of the registry when `--data` is not given. */
  readonly data?: string
  readonly streams?: CommandStreams
}

interface Options {
  readonly file?: string
  readonly data?: string
  readonly json?: boolean
  readonly passwordStdin?: boolean
  readonly generate?: boolean
  readonly cost?: BcryptCost
}

/** What a subcommand works with. */
interface Context {
  readonly command: Command
  readonly options: Options
  readonly path: string
  readonly streams: CommandStreams
}

const DEFAULT_DATA = './lacre-data'

const EXAMPLES = `
Examples:
  lacre user add alice                 asks for a password
  lacre user add ci --generate --json  {"user":"ci","file":"…","password":"…"}
  printf %s "$SECRET" | lacre user passwd ci --password-stdin
  lacre user list --file auth/htpasswd

A running registry sees the change at once. Where there is no terminal to ask,
add and passwd make a password. Without --file it is DIR/lacre/state/htpasswd.`

/** `lacre user add|passwd|remove|list|verify`: the accounts of a htpasswd file. Failures are thrown as errors with a `hint`. */
export function userCommand({ data = DEFAULT_DATA, streams = process }: UserCommandOptions = {}): Command {
  const user = new Command('user').description('the users who may log in, in a htpasswd file').addHelpText('afterAll', EXAMPLES)
  const add = (name: string, description: string, run: (context: Context, name: string) => Promise<void>) =>
    addSubcommand(user, `${name} <name>`, description).action(async (account: string, _options, command: Command) =>
      run(await openContext(command, data, streams), account),
    )

  withPassword(add('add', 'add a user', runAdd))
  withPassword(add('passwd', 'give a user another password', runPasswd))
  add('remove', 'remove a user', runRemove)
  add('verify', 'tell whether a password is the right one', runVerify).option('--password-stdin', 'read the password from standard input')
  addSubcommand(user, 'list', 'list the users').action(async (_options, command: Command) => runList(await openContext(command, data, streams)))
  return user
}

async function runAdd(context: Context, name: string): Promise<void> {
  const account = parseAccountName(name)
  const { password, isGenerated } = await obtainPassword(context)
  const edited = await addAccount(context.path, account, password, context.options.cost)
  reportEdit(context, edited)
  print(context, { user: name, file: context.path, ...(isGenerated && { password }) }, [
    `user ${name} added to ${context.path}`,
    ...tellGenerated(password, isGenerated),
  ])
}

async function runPasswd(context: Context, name: string): Promise<void> {
  const account = parseAccountName(name)
  const { password, isGenerated } = await obtainPassword(context)
  const edited = await setPassword(context.path, account, password, context.options.cost)
  reportEdit(context, edited)
  print(context, { user: name, file: context.path, ...(isGenerated && { password }) }, [
    `new password set for user ${name} in ${context.path}`,
    ...tellGenerated(password, isGenerated),
  ])
}

async function runRemove(context: Context, name: string): Promise<void> {
  const edited = await removeAccount(context.path, name)
  reportEdit(context, edited)
  print(context, { user: name, file: context.path }, [`user ${name} removed from ${context.path}`])
}

async function runVerify(context: Context, name: string): Promise<void> {
  const password = await obtainExistingPassword(context)
  const matches = await verifyAccount(context.path, name, password)
  if (context.options.json || matches) print(context, { user: name, file: context.path, matches }, [`the password of user ${name} is right`])
  if (!matches) throw new AccessError('PASSWORD_WRONG', `the password of user ${name} is wrong`, { hint: `set a new one with "lacre user passwd ${name}"` })
}

async function runList(context: Context): Promise<void> {
  const accounts = await listAccounts(context.path)
  const users = accounts.map(({ name, algorithm, cost, isUsable }) => ({ user: name, algorithm, ...(cost && { cost }), usable: isUsable }))
  print(context, users, accounts.length > 0 ? formatAccounts(accounts) : [`no users in ${context.path}`])
}

function addSubcommand(parent: Command, nameAndArguments: string, description: string): Command {
  return parent
    .command(nameAndArguments)
    .description(description)
    .addOption(new Option('--file <path>', 'the htpasswd file').conflicts('data'))
    .option('--data <dir>', 'the folder of the registry')
    .option('--json', 'print JSON')
}

function withPassword(command: Command): Command {
  return command
    .addOption(new Option('--password-stdin', 'read the password from standard input').conflicts('generate'))
    .option('--generate', 'make a random password and print it')
    .option('--cost <n>', `bcrypt cost, 4 to 17 (default: ${DEFAULT_COST})`, parseCostOption)
}

function parseCostOption(text: string): BcryptCost {
  try {
    return parseCost(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof AccessError ? error.hint : String(error))
  }
}

async function openContext(command: Command, data: string, streams: CommandStreams): Promise<Context> {
  const options: Options = command.optsWithGlobals()
  return { command, options, streams, path: options.file ?? (await findFileOf(options.data ?? data)) }
}

async function findFileOf(data: string): Promise<string> {
  const stats = await stat(data).catch(() => undefined)
  if (!stats?.isDirectory())
    throw new AccessError('FILE_MISSING', `there is no registry in ${data}`, { hint: 'name its folder with --data DIR, or the htpasswd file with --file PATH' })
  const file = join(data, 'lacre', 'state', 'htpasswd')
  if (!existsSync(file)) actAs(findForeignOwner(data)) // what root makes here is the volume's owner's, who serves it
  return file
}

async function obtainPassword({ options, streams }: Context): Promise<{ password: NewPassword; isGenerated: boolean }> {
  if (options.passwordStdin) return { password: parseNewPassword(await readPipedPassword(streams.stdin)), isGenerated: false }
  if (options.generate || !isTerminal(streams)) return { password: generatePassword(), isGenerated: true }
  const password = await ask('New password', streams)
  if ((await ask('The same again', streams)) === password) return { password: parseNewPassword(password), isGenerated: false }
  throw new AccessError('PASSWORD_WRONG', 'the two passwords differ', { hint: 'nothing was changed: try again' })
}

async function obtainExistingPassword({ command, options, streams }: Context): Promise<string> {
  if (options.passwordStdin) return await readPipedPassword(streams.stdin)
  if (isTerminal(streams)) return await ask('Password', streams)
  return command.error('error: without a terminal, verify needs --password-stdin', { exitCode: 2 })
}

async function ask(message: string, { stdin, stderr }: CommandStreams): Promise<string> {
  const answer = await promptPassword({ message, input: stdin, output: stderr })
  if (isCancel(answer)) throw new AccessError('CANCELLED', 'cancelled', { hint: 'nothing was changed' })
  return answer ?? ''
}

function isTerminal({ stdin, stderr }: CommandStreams): boolean {
  return stdin.isTTY === true && stderr.isTTY === true
}

function print({ options, streams }: Context, data: unknown, lines: readonly string[]): void {
  streams.stdout.write(options.json ? `${JSON.stringify(data)}\n` : lines.map((line) => `${line}\n`).join(''))
}

function reportEdit({ path, streams }: Context, { mode, modeBefore = mode }: EditedFile): void {
  if ((modeBefore & ~mode) === 0) return
  const [before, now] = [modeBefore, mode].map((bits) => bits.toString(8).padStart(4, '0'))
  streams.stderr.write(`note: ${path} had mode ${before} and has ${now} now: a registry that runs as another user than its owner cannot read it\n`)
}

function tellGenerated(password: NewPassword, isGenerated: boolean): string[] {
  return isGenerated ? [`password: ${password}`, 'It is shown only now: nobody can read it from the file.'] : []
}

function formatAccounts(accounts: readonly Account[]): string[] {
  const width = Math.max('NAME'.length, ...accounts.map(({ name }) => name.length))
  const describe = ({ algorithm, cost, isUsable }: Account) => (isUsable ? `${algorithm}, cost ${cost}` : `${algorithm}: never matches, set a new one`)
  return [['NAME', 'PASSWORD'], ...accounts.map((account) => [account.name, describe(account)])].map(([name = '', text]) => `${name.padEnd(width)}  ${text}`)
}
