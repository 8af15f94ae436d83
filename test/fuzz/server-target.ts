import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { lacre } from '../cli/support/lacre.ts'
import type { Target } from '../network/support/target.ts'

const ANSWER_WITHIN_MS = 20_000
const RSS_MOST = 700 * 1024 * 1024
const EXPECTED = new Set([501, 505]) // refusals, although their numbers begin with 5

/** Sends bytes as they are, says that this is all, and returns what came until the server ended the connection. */
export async function converse(target: Target, pieces: readonly Buffer[]): Promise<string> {
  const socket = await target.open()
  const enough = new AbortController()
  let answer = ''
  socket.on('data', (part: Buffer) => {
    answer += part.toString('latin1')
  })
  const ended = new Promise((resolve) => socket.once('close', resolve)) // an error is an end too
  for (const piece of pieces) socket.write(piece)
  socket.end()
  const late = delay(ANSWER_WITHIN_MS, undefined, { signal: enough.signal }).then(
    () => socket.destroy(new Error('late')),
    () => undefined,
  )
  await ended
  enough.abort()
  await late
  assert.equal(socket.errored?.message === 'late', false, `no end within ${ANSWER_WITHIN_MS} ms; so far: ${answer.slice(-200)}`)
  return answer
}

/** @throws AssertionError for an answer that tells of a defect. */
export function checkStatuses(answer: string): void {
  const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3}) [A-Z]/g)].map(([, status]) => Number(status))
  const defects = statuses.filter((status) => status >= 500 && !EXPECTED.has(status))
  assert.deepEqual(defects, [], answer.slice(0, 2000))
}

/** The server lives, serves others, has logged no trouble and holds little memory. */
export async function verifyServer(target: Target): Promise<void> {
  await target.serves()
  assert.deepEqual(target.troubles, [])
  const { rss } = await target.settle()
  assert.ok(rss < RSS_MOST, `the server holds ${rss} bytes`)
}

/** Ends it, collects, and looks at what is on the disk. */
export async function endServer(target: Target): Promise<void> {
  await target.end()
  try {
    for (const command of [
      ['gc', '--grace', '0'],
      ['check', '--bytes'],
    ]) {
      const { status, stdout, stderr } = await lacre([...command, '--config', target.configuration]) // what was deleted leaves bytes that nothing names
      assert.equal(status, 0, stdout + stderr)
    }
  } finally {
    await target[Symbol.asyncDispose]()
  }
}
