import { type Change, hasSameContent, type PathChange } from './changes.ts'
import { findLastRun, type RunFile, recordRun, updateRun } from './journal.ts'
import { explainFailure, OnboardingError } from './onboarding-error.ts'
import { lookAtPath, placeAt } from './path-state.ts'
import { runCommand } from './run-command.ts'
import { type Undone, undoRun } from './undo-run.ts'

export interface Application {
  /** The folder that the run is recorded in. */
  readonly journal: string
  /** What it is for, for example `docker-tls install-daemon`. */
  readonly title: string
}

/**
 * Makes changes, in order, all or none: when one fails, those before it are undone. Recorded before the first is made, so that
 * {@link undoLastRun} can take them back, and {@link recoverInterrupted} does it for a run that was killed. Durable on return.
 *
 * @throws OnboardingError if a change cannot be made.
 */
export async function applyChanges(changes: readonly Change[], { journal, title }: Application): Promise<void> {
  if (changes.length === 0) return
  await recoverInterrupted(journal)
  const file = await recordRun(journal, title, changes).catch((error: unknown) => {
    throw explainFailure(error, journal)
  })
  try {
    for (const change of changes) await make(change, file)
  } catch (error) {
    await undoRun(file)
    throw error
  }
  file.run.isDone = true
  await updateRun(file)
}

/** Takes back what a run did that was killed in the middle, if there is one. Every run begins with it. */
export async function recoverInterrupted(journal: string): Promise<Undone | undefined> {
  const file = await findLastRun(journal).catch((error: unknown) => {
    throw explainFailure(error, journal)
  })
  if (!file || file.run.isDone) return undefined
  if (isAlive(file.run.pid)) {
    throw new OnboardingError(`another lacre (process ${file.run.pid}) is at work here: ${file.run.title}`, {
      hint: `wait for it; if it is something else that has this number, remove ${file.path} after looking at it`,
    })
  }
  return await undoRun(file)
}

/** Takes back the newest run that was not undone. */
export async function undoLastRun(journal: string): Promise<Undone | undefined> {
  const recovered = await recoverInterrupted(journal)
  const file = recovered ? undefined : await findLastRun(journal)
  return file ? await undoRun(file) : recovered
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false // in another container, or long ago
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function make(change: Change, file: RunFile): Promise<void> {
  if (change.kind === 'path') return await makeAt(change)
  file.run.begun += 1
  await updateRun(file)
  await runCommand(change.words).catch((error: unknown) => {
    file.run.begun -= 1 // it says itself that it did nothing: what stands there may be somebody else's
    throw error
  })
}

async function makeAt({ path, before, after }: PathChange): Promise<void> {
  try {
    const now = await lookAtPath(path)
    if (!hasSameContent(now, before) && !hasSameContent(now, after)) throw meantime(path)
    await placeAt(path, after)
  } catch (error) {
    throw explainFailure(error, path)
  }
}

function meantime(path: string): OnboardingError {
  return new OnboardingError(`${path} was changed by somebody else in this moment`, { hint: 'run the command again' })
}
