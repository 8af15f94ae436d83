import type { Command } from 'commander'
import { applyChanges, recoverInterrupted } from '../onboarding/apply-plan.ts'
import { type Change, findChanges } from '../onboarding/changes.ts'
import { describeChange, showChanges } from '../onboarding/show-plan.ts'
import type { Step } from '../onboarding/steps.ts'

export interface CarryOutOptions {
  readonly json?: boolean
  readonly dryRun?: boolean
}

/** What a command is about to do on this machine. */
export interface Errand {
  /** For example `docker-tls install-daemon`; how {@link undoLastRun} names it. */
  readonly title: string
  readonly journal: string
  /** What to do, and what to tell: `details` for `--json`, `lines` for people. Looks, and writes nothing. */
  plan(): Promise<{ readonly steps: readonly Step[]; readonly details?: object; readonly lines?: readonly string[] }>
}

/** The options of a command that ends in {@link carryOut}. */
export function withPlan(command: Command): Command {
  return command.option('--dry-run', 'show every file and what would change, and write nothing').option('--json', 'print JSON')
}

/** Plans, then acts; or, with `--dry-run`, shows every file and what would change in it. */
export async function carryOut({ title, journal, plan }: Errand, options: CarryOutOptions): Promise<void> {
  if (!options.dryRun) tellRecovered(await recoverInterrupted(journal))
  const { steps, details, lines = [] } = await plan()
  const changes = await findChanges(steps)
  if (!options.dryRun) await applyChanges(changes, { journal, title })
  const told = { ...(options.dryRun && { dryRun: true }), changes: changes.map(describeChange), ...details }
  const text = options.dryRun ? ['Nothing is done yet. This would be:', ...showChanges(changes)] : [...summarize(changes), ...lines]
  process.stdout.write(options.json ? `${JSON.stringify(told)}\n` : `${text.join('\n')}\n`)
}

function summarize(changes: readonly Change[]): string[] {
  return changes.length === 0 ? showChanges([]) : changes.map((change) => describeChange(change).does)
}

function tellRecovered(undone: { readonly title: string } | undefined): void {
  if (undone) process.stderr.write(`note: ${undone.title} was interrupted the last time, and is taken back\n`)
}
