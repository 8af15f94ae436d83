import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { IN_MEMORY, openStateFile } from '../metadata/connect.ts'
import { Outbox, type OutboxLimits } from './outbox.ts'
import type { QueuedEvent } from './queue.ts'

const LIMITS: OutboxLimits = { pulls: 100, events: 1000, held: 100 }

interface Opened {
  readonly outbox: Outbox
  /** Batches that were answered, with the message of the trouble there was. */
  readonly answers: (readonly [batch: number, trouble?: string])[]
  /** While set, the disk is out of order. */
  readonly disk: { trouble: Error | undefined }
}

function open(path = IN_MEMORY, limits: Partial<OutboxLimits> = {}): Opened {
  const answers: Opened['answers'] = []
  const disk: Opened['disk'] = { trouble: undefined }
  const outbox = new Outbox({
    open: () => {
      const state = openStateFile(path)
      const transaction = state.transaction.bind(state)
      state.transaction = (work) => {
        if (disk.trouble) throw disk.trouble
        return transaction(work)
      }
      return state
    },
    limits: { ...LIMITS, ...limits },
    onWritten: (batch, trouble) => answers.push(trouble ? [batch, trouble.message] : [batch]),
    onQueued: () => undefined,
  })
  return { outbox, answers, disk }
}

const events = (names: readonly string[], more: Partial<QueuedEvent> = {}): QueuedEvent[] =>
  names.map((name) => ({ endpoints: ['ci'], isPull: false, event: JSON.stringify(name), queuedAt: 0, ...more }))

/** Takes all that waits for an endpoint. */
function takeAll(outbox: Outbox, endpoint = 'ci'): string[] {
  const taken: string[] = []
  for (let next = outbox.next(endpoint); next; next = outbox.next(endpoint)) {
    taken.push(JSON.parse(next.event) as string)
    outbox.delivered(endpoint, next.seq)
  }
  return taken
}

async function temporaryState(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'lacre-outbox-'))
  return { path: join(folder, 'state.db'), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

test('events come out in the order in which they came in, each endpoint its own', () => {
  const { outbox } = open()
  outbox.add(1, events(['a'], { endpoints: ['ci', 'chat'] }))
  outbox.add(2, [...events(['b'], { endpoints: ['chat'] }), ...events(['c'])])
  outbox.commit()
  assert.deepEqual(
    [takeAll(outbox), takeAll(outbox, 'chat')],
    [
      ['a', 'c'],
      ['a', 'b'],
    ],
  )
  outbox.close()
})

test('a batch is answered once it is on disk, and events that were not delivered are there at the next start', async () => {
  await using state = await temporaryState()
  const { outbox, answers } = open(state.path)
  outbox.add(7, events(['a', 'b']))
  assert.deepEqual(answers, [])
  outbox.commit()
  assert.deepEqual(answers, [[7]])
  const first = outbox.next('ci')
  outbox.delivered('ci', first?.seq ?? 0)
  outbox.close()

  const { outbox: later } = open(state.path)
  assert.deepEqual(takeAll(later), ['b'])
  later.close()
})

test('when the disk takes nothing the batch is answered so, and its events go out in their order once it does', () => {
  const { outbox, answers, disk } = open()
  outbox.add(1, events(['a']))
  outbox.commit()
  disk.trouble = new Error('database or disk is full')
  outbox.add(2, events(['b']))
  outbox.commit()
  outbox.add(3, events(['c']))
  outbox.commit()
  disk.trouble = undefined
  outbox.add(4, events(['d']))
  outbox.commit()
  assert.deepEqual(answers, [[1], [2, 'database or disk is full'], [3, 'database or disk is full'], [4]])
  assert.deepEqual(takeAll(outbox), ['a', 'b', 'c', 'd'])
  outbox.close()
})

test('while the disk takes nothing, a limited number of events is held, and those given up are counted', () => {
  const { outbox, disk } = open(IN_MEMORY, { held: 2 })
  disk.trouble = new Error('full')
  for (const [batch, name] of ['a', 'b', 'c'].entries()) outbox.add(batch, events([name]))
  outbox.commit()
  disk.trouble = undefined
  outbox.commit()
  assert.deepEqual([takeAll(outbox), outbox.counts('ci').dropped], [['a', 'b'], 1])
  outbox.close()
})

test('what was delivered is not delivered again while the disk takes nothing', () => {
  const { outbox, disk } = open()
  outbox.add(1, events(['a']))
  outbox.commit()
  disk.trouble = new Error('full')
  assert.deepEqual(takeAll(outbox), ['a'])
  outbox.commit()
  assert.deepEqual(takeAll(outbox), [])
  disk.trouble = undefined
  outbox.close()
})

test('past the limit of pulls new pulls are given up, and changes are not', () => {
  const { outbox } = open(IN_MEMORY, { pulls: 2 })
  outbox.add(1, events(['p1', 'p2', 'p3'], { isPull: true }))
  outbox.add(2, events(['push']))
  outbox.commit()
  const { pending, dropped } = outbox.counts('ci')
  assert.deepEqual([pending, dropped, takeAll(outbox)], [3, 1, ['p1', 'p2', 'push']])
  outbox.close()
})

test('past the limit of events the oldest are given up, of that endpoint alone', () => {
  const { outbox } = open(IN_MEMORY, { events: 300 })
  outbox.add(1, events(['x'], { endpoints: ['chat'] }))
  outbox.add(2, events(Array.from({ length: 302 }, (_, index) => `e${index}`)))
  outbox.commit()
  const { pending, dropped } = outbox.counts('ci')
  assert.deepEqual([pending, dropped, takeAll(outbox)[0], takeAll(outbox, 'chat')], [297, 5, 'e5', ['x']])
  assert.equal(outbox.counts('ci').pending, 0)
  outbox.close()
})

test('what waits for an endpoint can be given up; what comes later is delivered', () => {
  const { outbox } = open()
  outbox.add(1, events(['a', 'b']))
  assert.equal(outbox.discard('ci'), 2)
  assert.equal(outbox.discard('nobody'), 0)
  outbox.add(2, events(['c']))
  outbox.commit()
  assert.deepEqual([outbox.counts('ci').pending, outbox.waiting().map(({ pending }) => pending), takeAll(outbox)], [1, [1], ['c']])
  outbox.close()
})
