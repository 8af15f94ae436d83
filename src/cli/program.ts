import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { findDataFolder } from '../config/load.ts'
import { escapeControls } from './terminal-text.ts'

const OK = 0
const FAILED = 1
const USAGE = 2
const DEFECT = 70

/**
 * Runs a command line. `--as registry` in front answers as that program does.
 *
 * @returns the exit code: 0 done, 1 the user can mend it, 2 wrong usage, 70 a defect of ours.
 */
export async function run(argv: readonly string[]): Promise<number> {
  const [flag, name, ...rest] = argv
  try {
    if (flag === '--as' && name === 'registry') await (await import('./registry.ts')).registryProgram(readVersion()).parseAsync(rest, { from: 'user' })
    else await (await lacreProgram(argv)).parseAsync([...argv], { from: 'user' })
    return typeof process.exitCode === 'number' ? process.exitCode : OK
  } catch (error) {
    return report(error)
  }
}

const EXAMPLE = `
Examples:
  lacre up                set up once, and serve over HTTPS
  lacre user add alice    another user who may log in
  lacre serve /etc/docker/registry/config.yml
                          serve what a registry:2 configuration says

The exit code is 0 for done, 1 for something you can mend, 2 for wrong usage and
70 for a defect of lacre.`

/** Commands in the order of the help. Each is loaded when it is named: a server should start, and a list come, at once. */
const commands: Readonly<Record<string, (data: string) => Promise<Command>>> = {
  up: async (data) => (await import('./up.ts')).upCommand(data),
  serve: async () => (await import('./serve.ts')).serveCommand(),
  status: async (data) => (await import('./status.ts')).statusCommand(data),
  user: async (data) => (await import('./user.ts')).userCommand({ data }),
  group: async (data) => (await import('./group.ts')).groupCommand(data),
  access: async (data) => (await import('./access.ts')).accessCommand(data),
  ca: async (data) => (await import('./ca.ts')).caCommand(data),
  cert: async (data) => (await import('./cert.ts')).certCommand(data),
  repo: async (data) => (await import('./volume.ts')).repoCommand(data),
  tag: async (data) => (await import('./volume.ts')).tagCommand(data),
  upload: async (data) => (await import('./volume.ts')).uploadCommand(data),
  gc: async (data) => (await import('./volume.ts')).gcCommand(data),
  check: async (data) => (await import('./volume.ts')).checkCommand(data),
  reindex: async (data) => (await import('./volume.ts')).reindexCommand(data),
  notifications: async (data) => (await import('./notifications.ts')).notificationsCommand(data),
  'docker-tls': async () => (await import('./docker-tls.ts')).dockerTlsCommand(),
  config: async () => (await import('./config.ts')).configCommand(),
  health: async () => (await import('./health.ts')).healthCommand(),
}

async function lacreProgram([named = '']: readonly string[]): Promise<Command> {
  const data = findDataFolder()
  const program = new Command('lacre')
    .description('a private container registry that sets up its own HTTPS and users')
    .version(`lacre ${readVersion()}`, '-v, --version')
    .addHelpText('after', EXAMPLE)
    .showHelpAfterError('(add --help for what is possible)')
  const loaders = Object.hasOwn(commands, named) ? [commands[named]] : Object.values(commands)
  for (const load of loaders) if (load) program.addCommand(await load(data))
  return exitOverridden(program)
}

/** Usage errors are thrown, so that they end in `run`. */
function exitOverridden(command: Command): Command {
  command.exitOverride()
  for (const sub of command.commands) exitOverridden(sub)
  return command
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? OK : USAGE // commander has said what is wrong
  const { message, hint, stack, detail } = error as Error & { hint?: unknown; detail?: unknown }
  if (typeof hint === 'string') {
    process.stderr.write(escapeControls(`lacre: ${message}\nhint: ${hint}\n`))
    return FAILED
  }
  if (detail !== undefined || isSystemError(error)) {
    process.stderr.write(`lacre: ${message}${detail === undefined ? '' : ` (${JSON.stringify(detail)})`}\n`)
    return FAILED
  }
  process.stderr.write(`lacre: a defect: ${stack ?? message}\n`)
  return DEFECT
}

/** Trouble with a file or a socket, which the message names. */
function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).syscall === 'string'
}

function readVersion(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version
}
