import { randomUUID } from 'node:crypto'
import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { AccessError } from './access-error.ts'

const PATIENCE_MS = 10_000
const RETRY_MS = 20
const ABANDONED_MS = 60_000 // an edit takes milliseconds; a process of another machine or container cannot be asked

/**
 * Keeps other editors away from the file until it is disposed of: a file `PATH.lock` that says who holds it. One left behind by a process that is gone is
 * taken over.
 *
 * @throws AccessError `FILE_BUSY` when another editor holds it for ten seconds.
 */
export async function lockForEditing(path: string, { patienceMs = PATIENCE_MS, now = Date.now } = {}): Promise<AsyncDisposable> {
  const lock = `${path}.lock`
  const holder = `${process.pid} ${hostname()} ${randomUUID()}\n`
  const deadline = now() + patienceMs
  while (!(await create(lock, holder))) {
    if (await takeAway(lock, now())) continue
    if (now() >= deadline) throw await busy(path, lock)
    await wait(RETRY_MS)
  }
  return { [Symbol.asyncDispose]: () => release(lock, holder) }
}

async function create(lock: string, holder: string): Promise<boolean> {
  try {
    await using file = await open(lock, 'wx', 0o600)
    await file.writeFile(holder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Removes an abandoned lock. @NOTE by renaming it first: of two that find it abandoned, one gets it, and what it got is looked at again. */
async function takeAway(lock: string, now: number): Promise<boolean> {
  const seen = await findHolder(lock)
  if (seen === undefined) return true
  if (!(await isAbandoned(lock, seen, now))) return false
  const aside = `${lock}.${randomUUID()}`
  const isMine = await rename(lock, aside).then(
    () => true,
    () => false,
  )
  if (!isMine) return false
  if ((await findHolder(aside)) === seen) await rm(aside, { force: true })
  else await rename(aside, lock)
  return true
}

async function isAbandoned(lock: string, holder: string, now: number): Promise<boolean> {
  const [pid, host] = holder.split(' ')
  if (host === hostname() && Number(pid) !== process.pid && !isAlive(Number(pid))) return true
  const stats = await stat(lock).catch(() => undefined)
  return stats !== undefined && now - stats.mtimeMs > ABANDONED_MS
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function release(lock: string, holder: string): Promise<void> {
  if ((await findHolder(lock)) === holder) await rm(lock, { force: true })
}

async function findHolder(lock: string): Promise<string | undefined> {
  try {
    return await readFile(lock, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function busy(path: string, lock: string): Promise<AccessError> {
  const [pid, host] = ((await findHolder(lock)) ?? '').split(' ')
  return new AccessError('FILE_BUSY', `${path} is being edited by process ${pid || 'unknown'} on ${host || 'this machine'}`, {
    hint: `try again; if that process is gone, remove ${lock}`,
  })
}
