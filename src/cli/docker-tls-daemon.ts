import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { undoLastRun } from '../onboarding/apply-plan.ts'
import { DOCKER_SERVICE, DROP_IN, planDaemon } from '../onboarding/docker-daemon.ts'
import { dockerPaths, readPair } from '../onboarding/docker-pair.ts'
import { findLastRun, type RunFile } from '../onboarding/journal.ts'
import { OnboardingError } from '../onboarding/onboarding-error.ts'
import { lookAtPath } from '../onboarding/path-state.ts'
import { findServiceUnit } from '../onboarding/systemd-unit.ts'
import type { Undone } from '../onboarding/undo-run.ts'
import { type CarryOutOptions, carryOut, withPlan } from './carry-out.ts'

interface DaemonOptions extends CarryOutOptions {
  readonly dir: string
  readonly root: string
  readonly listen: string
}

const INSTALL_EXAMPLES = `
Certificates go to /etc/docker (0444, the key 0400). daemon.json gets tlsverify,
tlscacert, tlscert, tlskey and hosts, and keeps all else, the unix socket too.
Where systemd starts dockerd with -H, a drop-in takes it out. docker is not
restarted.

Examples:
  sudo lacre docker-tls install-daemon
  sudo lacre docker-tls install-daemon --dry-run
  sudo lacre docker-tls install-daemon --listen 10.0.0.5:2376 --dir /root/ca`

const UNDO_EXAMPLES = `
Puts back what was there before the last init, client, install-daemon or renew:
files, their modes, docker contexts. What somebody has changed since stays, and
is named.

Examples:
  lacre docker-tls undo --dry-run
  sudo lacre docker-tls undo`

/** `lacre docker-tls install-daemon`: makes the docker daemon of this machine ask for client certificates. */
export function installDaemonCommand(): Command {
  return withPlaces(new Command('install-daemon').description("make this machine's docker daemon ask for client certificates"))
    .option('--listen <address>', 'where it listens, besides the unix socket', '0.0.0.0:2376')
    .addHelpText('after', INSTALL_EXAMPLES)
    .action(installDaemon)
}

/** `lacre docker-tls undo`. */
export function undoCommand(): Command {
  return withPlaces(new Command('undo').description('take back what the last command did')).addHelpText('after', UNDO_EXAMPLES).action(undo)
}

function withPlaces(command: Command): Command {
  return withPlan(
    command.option('--dir <dir>', 'folder of the certificates', 'docker-ca').option('--root <dir>', 'folder that stands for /, for an image or a test', '/'),
  )
}

async function installDaemon(options: DaemonOptions): Promise<void> {
  const [directory, root] = [resolve(options.dir), resolve(options.root)]
  const plan = async () => {
    const { ca, certificate, key } = await readPair(directory, 'server', 'server', Date.now())
    const unit = await findServiceUnit(root, DOCKER_SERVICE, DROP_IN)
    const { steps, notes } = planDaemon({ root, listen: parseListen(options.listen), files: { ca, certificate, key }, unit })
    const warnings = [...notes, ...(await describeRisks(root, directory))]
    const restart = unit ? 'sudo systemctl daemon-reload && sudo systemctl restart docker' : 'restart dockerd'
    const lines = [
      '',
      ...warnings.map((note) => `note: ${note}`),
      'From its next start on (which stops containers, without "live-restore") it asks for certificates:',
      `  ${restart}`,
    ]
    return { steps, details: { notes: warnings }, lines }
  }
  await carryOut({ title: 'docker-tls install-daemon', journal: daemonJournal(root), plan }, options)
}

/** `10.0.0.5`, `10.0.0.5:2376`, `[::]:2376`. */
function parseListen(text: string): string {
  const [, host, port = '2376'] = /^(?:tcp:\/\/)?(\[[0-9a-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i.exec(text) ?? []
  if (host !== undefined && Number(port) > 0 && Number(port) < 65_536) return `${host}:${port}`
  throw new OnboardingError(`${JSON.stringify(text)} is no address to listen at`, { hint: 'for example --listen 0.0.0.0:2376, or --listen [::]:2376' })
}

async function describeRisks(root: string, directory: string): Promise<string[]> {
  const folder = await lookAtPath(join(root, '/etc/docker'))
  const isForeign = root === '/' && folder?.kind === 'folder' && (folder.uid !== 0 || (folder.mode & 0o022) !== 0)
  return [
    ...(isForeign
      ? ["/etc/docker is not root's alone: whoever may write there is root by it. Better: chown root:root /etc/docker; chmod 755 /etc/docker"]
      : []),
    ...(existsSync(dockerPaths(directory, 'server').caKey)
      ? ['ca-key.pem lies on this host, which has no use for it: keep it where certificates are made']
      : []),
  ]
}

function daemonJournal(root: string): string {
  return join(root, '/var/lib/lacre/docker-daemon')
}

async function undo(options: Omit<DaemonOptions, 'listen'>): Promise<void> {
  const last = await findNewest([join(resolve(options.dir), '.lacre'), daemonJournal(resolve(options.root))])
  if (!last)
    throw new OnboardingError('there is nothing to undo', {
      hint: `name the folder of the certificates with --dir DIR, and run it as who did it (with sudo, as root)`,
    })
  const { title, startedAt } = last.file.run
  if (options.dryRun) return print(options, { dryRun: true, title, startedAt }, [`would take back ${title} of ${startedAt}:`, ...listRun(last.file)])
  const undone = await undoLastRun(last.journal)
  if (undone) print(options, undone, describeUndone(undone))
}

async function findNewest(journals: readonly string[]): Promise<{ journal: string; file: RunFile } | undefined> {
  const found = await Promise.all(journals.map(async (journal) => ({ journal, file: await findLastRun(journal).catch(ignoreForeign) })))
  const runs = found.flatMap(({ journal, file }) => (file ? [{ journal, file }] : []))
  return runs.sort((a, b) => b.file.run.startedAt.localeCompare(a.file.run.startedAt))[0]
}

/** What root did is not for others to undo, nor to see. */
function ignoreForeign(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'EACCES') throw error
}

function listRun({ run }: RunFile): string[] {
  return run.changes.map((change) => `  ${change.kind === 'path' ? change.path : change.words.join(' ')}`)
}

function describeUndone({ title, startedAt, restored, left }: Undone): string[] {
  const kept = left.map(({ what, why }) => `left as it is: ${what}: ${why}`)
  const isDaemon = restored.some((path) => path.endsWith('/daemon.json'))
  const restart = isDaemon ? ['docker itself runs as before until it is restarted: sudo systemctl daemon-reload && sudo systemctl restart docker'] : []
  return [`took back ${title} of ${startedAt}:`, ...restored.map((what) => `  ${what}`), ...kept, ...restart]
}

function print({ json }: CarryOutOptions, data: object, lines: readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify(data)}\n` : `${lines.join('\n')}\n`)
}
