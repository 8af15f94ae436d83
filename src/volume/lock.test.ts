import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { STATE } from './layout.ts'
import { VolumeLock } from './lock.ts'

const LOCK = `${STATE}/lock.db`

async function temporaryRoot(): Promise<AsyncDisposable & { readonly root: string }> {
  const root = await mkdtemp(join(tmpdir(), 'lacre-lock-'))
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) }
}

/** Another process that takes the lock of `root`, runs `then`, says `held` and stays. */
class Holder implements AsyncDisposable {
  readonly process: ChildProcess

  constructor(root: string, then = '') {
    const script = `
      import { closeSync, openSync, readFileSync } from 'node:fs'
      import { VolumeLock } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)}
      const root = ${JSON.stringify(root)}
      const lock = await VolumeLock.take(root, { patienceMs: 0 }).catch(() => undefined)
      ${then}
      console.log(lock ? 'held' : 'refused')
      process.stdin.resume().on('end', () => { lock.release(); process.exit() })`
    this.process = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  }

  static async start(root: string, then?: string): Promise<Holder> {
    const holder = new Holder(root, then)
    assert.equal(await holder.said(), 'held')
    return holder
  }

  async said(): Promise<string> {
    const lines = createInterface({ input: this.process.stdout as NodeJS.ReadableStream })
    const [line] = (await once(lines, 'line')) as [string]
    return line
  }

  async end(signal?: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    const exited = once(this.process, 'exit')
    if (signal) this.process.kill(signal)
    else this.process.stdin?.end()
    await exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL')
  }
}

/** Whether this process can take the lock now. */
async function isFree(root: string): Promise<boolean> {
  const lock = await VolumeLock.take(root, { patienceMs: 0 }).catch((error: Error) => {
    assert.equal(error.name, 'VolumeLockedError')
    return undefined
  })
  lock?.release()
  return lock !== undefined
}

test('a second process is refused, and told who the first is and what to do', async () => {
  await using folder = await temporaryRoot()
  await using holder = await Holder.start(folder.root)
  await assert.rejects(VolumeLock.take(folder.root, { patienceMs: 0 }), (error: Error & { hint: string }) => {
    assert.equal(error.name, 'VolumeLockedError')
    assert.match(error.message, new RegExp(`${folder.root} is in use by process ${holder.process.pid} on ${hostname()}, started 20`))
    assert.match(error.hint, /strategy: Recreate/)
    return true
  })
})

test('who comes second waits for a predecessor that is being stopped', async () => {
  await using folder = await temporaryRoot()
  await using holder = await Holder.start(folder.root)
  const taken = VolumeLock.take(folder.root, { patienceMs: 20_000 })
  await holder.end()
  const lock = await taken
  lock.release()
})

test('patience ends: a refusal comes after it, not before', async () => {
  await using folder = await temporaryRoot()
  await using holder = await Holder.start(folder.root)
  const startedMs = performance.now()
  await assert.rejects(VolumeLock.take(folder.root, { patienceMs: 300 }), { name: 'VolumeLockedError' })
  assert.ok(performance.now() - startedMs >= 290)
  assert.ok(holder.process.exitCode === null)
})

test('kill -9 frees the lock', async () => {
  await using folder = await temporaryRoot()
  await using holder = await Holder.start(folder.root)
  await holder.end('SIGKILL')
  assert.ok(await isFree(folder.root))
})

test('a second attempt in the process that holds the lock fails, and does not free it for others', async () => {
  await using folder = await temporaryRoot()
  await using holder = await Holder.start(folder.root, `await VolumeLock.take(root, { patienceMs: 0 }).then(() => process.exit(1), () => undefined)`)
  assert.ok(!(await isFree(folder.root)))
  await holder.end()
  assert.ok(await isFree(folder.root))
})

test('a process that reads its lock file itself loses the lock: why nothing but SQLite may open it', async () => {
  await using folder = await temporaryRoot()
  await using holder = await Holder.start(folder.root, `readFileSync(root + '/${LOCK}')`)
  assert.ok(await isFree(folder.root))
  assert.ok(holder.process.exitCode === null)
})

test('one descriptor of the lock file is open, and looking whether it is held opens no other', async () => {
  await using folder = await temporaryRoot()
  const lock = await VolumeLock.take(folder.root)
  assert.ok(lock.isHeld())
  const open = readdirSync('/proc/self/fd').map((fd) => readDescriptor(fd))
  assert.deepEqual(open.filter((path) => path === join(folder.root, LOCK)).length, 1)
  await using other = new Holder(folder.root)
  assert.equal(await other.said(), 'refused')
  lock.release()
})

function readDescriptor(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return '' // the one that the listing itself had open
  }
}

for (const [what, change] of [
  ['removed', (path: string) => rmSync(path)],
  ['replaced', (path: string) => void writeAnother(path)],
  ['removed with its folder', (path: string) => rmSync(join(path, '..'), { recursive: true })],
] as const) {
  test(`a lock file that is ${what} is noticed, once`, async (t) => {
    await using folder = await temporaryRoot()
    t.mock.timers.enable({ apis: ['setInterval'] })
    const reasons: string[] = []
    const lock = await VolumeLock.take(folder.root, { onLost: (reason) => reasons.push(reason) })
    t.mock.timers.tick(60_000)
    assert.deepEqual([lock.isHeld(), reasons], [true, []])
    change(join(folder.root, LOCK))
    t.mock.timers.tick(60_000)
    assert.equal(lock.isHeld(), false)
    assert.equal(reasons.length, 1)
    assert.match(reasons[0] ?? '', /lock\.db was removed or replaced/)
    lock.release()
  })
}

function writeAnother(path: string): void {
  writeFileSync(`${path}.new`, '')
  renameSync(`${path}.new`, path)
}

test('a lock file that cannot be locked is said with what to do', async () => {
  await using folder = await temporaryRoot()
  mkdirSync(join(folder.root, LOCK), { recursive: true })
  await assert.rejects(VolumeLock.take(folder.root), (error: Error & { hint?: unknown }) => {
    assert.match(error.message, /cannot lock .*lock\.db/)
    assert.equal(typeof error.hint, 'string')
    return true
  })
})
