import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { endpointAt } from '../../test/support/endpoints.ts'
import { Receiver } from '../../test/support/receiver.ts'
import { IN_MEMORY } from '../metadata/connect.ts'
import { digestOf } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { parseTag } from '../oci/reference.ts'
import type { Remark } from './courier.ts'
import type { Endpoint } from './endpoint.ts'
import type { Cause, Happening } from './event.ts'
import { Notifier } from './notifier.ts'

const repository = parseRepositoryName('team/app')
const deletion: Happening = { action: 'delete', repository, tag: parseTag('v1') }
const pull: Happening = { action: 'pull', repository, blob: { digest: digestOf('layer'), size: 5 } }
const findCause = (): Cause => ({ request: { id: '1', addr: '', host: '', method: 'GET', useragent: '' }, actor: undefined, locate: (path) => path })

function notifierTo(endpoint: Endpoint, path = IN_MEMORY): { notifier: Notifier; remarks: Remark[] } {
  const remarks: Remark[] = []
  const source = { addr: 'here:5000', instanceID: 'i1' }
  const notifier = new Notifier({ path, endpoints: [endpoint], includeReferences: false, source, remark: (remark) => remarks.push(remark) })
  return { notifier, remarks }
}

test('pulls that were told just before the end are on disk, before a change that came after them, and go out at the next start', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lacre-notifier-'))
  const path = join(folder, 'state.db')
  const { notifier } = notifierTo(endpointAt('http://127.0.0.1:1/'), path)
  notifier.note(findCause, pull)
  await notifier.record(findCause, [deletion])
  notifier.note(findCause, pull)
  await notifier.close()

  await using receiver = await Receiver.start()
  const { notifier: later } = notifierTo(endpointAt(receiver.url), path)
  later.start()
  const events = await receiver.got(3)
  assert.deepEqual(
    events.map(({ action }) => action),
    ['pull', 'delete', 'pull'],
  )
  await later.close()
  await rm(folder, { recursive: true })
})

test('a thread that ends fails whoever waits for it, and the log says why', async () => {
  const { notifier, remarks } = notifierTo(endpointAt('http://127.0.0.1:1/', { headers: undefined as never }))
  await assert.rejects(notifier.record(findCause, [deletion]), { code: 'UNAVAILABLE', status: 503 })
  await assert.rejects(notifier.status())
  assert.match(remarks[0]?.message ?? '', /thread .* failed/)
  await notifier.close()
})

test('once it is closed, a change is refused and a pull goes untold', async () => {
  const { notifier } = notifierTo(endpointAt('http://127.0.0.1:1/'))
  await notifier.close()
  notifier.note(findCause, pull)
  await assert.rejects(notifier.record(findCause, [deletion]), { code: 'UNAVAILABLE' })
  await assert.rejects(notifier.status())
})

test('while nothing is written, a limited number of pulls is kept, and the others are counted', async () => {
  const { notifier } = notifierTo(endpointAt('http://127.0.0.1:1/'))
  for (let count = 0; count < 20_100; count++) notifier.note(findCause, pull) // the thread cannot answer meanwhile
  const [status] = await notifier.status()
  assert.deepEqual([status?.counts?.events, status?.counts?.dropped], [10_000, 10_100]) // in memory, 10,000 wait at most
  await notifier.close()
})
