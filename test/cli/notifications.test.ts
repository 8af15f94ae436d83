import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageOf } from '../support/images.ts'
import { Receiver } from '../support/receiver.ts'
import { lacre, Workplace } from './support/lacre.ts'
import { pushTo } from './support/push.ts'

interface Status {
  readonly name: string
  readonly state: string
  readonly pending: number
  readonly url?: string
  readonly counts?: { readonly successes: number }
  readonly lastFailure?: { readonly reason: string }
}

const endpoints = (...list: readonly string[]): string => `notifications: {endpoints: [${list.join(', ')}]}`
const endpoint = (name: string, url: string, more = ''): string => `{name: ${name}, url: "${url}", timeout: 60s, backoff: 100ms${more}}`
const NOBODY = 'http://127.0.0.1:1/'

async function status(place: Workplace): Promise<Status[]> {
  const { stdout } = await lacre(['notifications', 'status', '--data', place.data, '--json'])
  return stdout
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Status)
}

const summary = (statuses: readonly Status[]): unknown[] => statuses.map(({ name, state, pending }) => [name, state, pending > 0])

test('events wait while nobody takes them, across restarts and kills, and go to whom the name stands for then', async () => {
  await using place = await Workplace.make()
  const first = await place.serve(endpoints(endpoint('ci', NOBODY), endpoint('off', NOBODY, ', disabled: true')))
  await pushTo(await first.client(), 'team/app', imageOf('app'), 'v1')
  const [failing] = await status(place)
  assert.deepEqual([failing?.state, failing?.url], ['failing', NOBODY])
  assert.match(failing?.lastFailure?.reason ?? '', /ECONNREFUSED/)
  await first.end('SIGKILL')
  assert.deepEqual(summary(await status(place)), [['ci', 'stopped', true]])

  const without = await place.serve()
  assert.deepEqual(summary(await status(place)), [['ci', 'unconfigured', true]])
  await without.end()
  const renamed = await place.serve(endpoints(endpoint('new', NOBODY)))
  await renamed.says(/not configured.*endpoint=ci/)
  assert.deepEqual(summary(await status(place)), [
    ['new', 'idle', false],
    ['ci', 'unconfigured', true],
  ])
  await renamed.end()

  await using receiver = await Receiver.start()
  await place.serve(endpoints(endpoint('ci', receiver.url)))
  const events = await receiver.got(3)
  assert.deepEqual(
    events.map(({ action, target }) => [action, target.repository, target.tag]),
    [
      ['push', 'team/app', undefined],
      ['push', 'team/app', undefined],
      ['push', 'team/app', 'v1'],
    ],
  )
})

test('a stop does not wait for an endpoint that does not answer, and the event is sent again under its id', async () => {
  await using place = await Workplace.make()
  await using silent = await Receiver.start({ answer: () => undefined })
  const server = await place.serve(endpoints(endpoint('ci', silent.url)))
  await pushTo(await server.client(), 'team/app', imageOf('app'), 'v1')
  await silent.until(() => silent.received.length > 0)
  assert.equal(await server.end(), 0)

  await using receiver = await Receiver.start()
  await place.serve(endpoints(endpoint('ci', receiver.url)))
  const [event] = await receiver.got(1)
  assert.ok(silent.received[0]?.body.includes(event?.id ?? 'no id'))
})

test('an endpoint that hangs does not keep another one waiting, and what is disabled is kept', async () => {
  await using place = await Workplace.make()
  await using silent = await Receiver.start({ answer: () => undefined })
  await using receiver = await Receiver.start()
  const server = await place.serve(endpoints(endpoint('slow', silent.url), endpoint('ci', receiver.url)))
  await pushTo(await server.client(), 'team/app', imageOf('app'), 'v1')
  await receiver.got(3)
  assert.deepEqual(summary(await status(place)), [
    ['slow', 'delivering', true],
    ['ci', 'idle', false],
  ])
  await server.end()
  await place.serve(endpoints(endpoint('slow', silent.url, ', disabled: true')))
  const [slow] = await status(place)
  assert.deepEqual([slow?.name, slow?.state, slow?.pending], ['slow', 'disabled', 3])
})

test('what waits can be given up, with a server and without', async () => {
  await using place = await Workplace.make()
  const server = await place.serve(endpoints(endpoint('a', NOBODY), endpoint('b', NOBODY)))
  await pushTo(await server.client(), 'team/app', imageOf('app'), 'v1')
  const discard = (name: string) => lacre(['notifications', 'discard', name, '--data', place.data])
  assert.match((await discard('a')).stdout, /^3 events for a are given up$/m)
  await server.end()
  assert.match((await discard('b')).stdout, /^3 events for b are given up$/m)
  assert.deepEqual(await status(place), [])
})

test('a server that writes nothing tells of pulls, from memory, and leaves what waits on disk alone', async () => {
  await using place = await Workplace.make()
  const server = await place.serve(endpoints(endpoint('ci', NOBODY)))
  await pushTo(await server.client(), 'team/app', imageOf('app'), 'v1')
  await server.end()
  await using receiver = await Receiver.start()
  const reader = await place.serve(`  maintenance: {readonly: {enabled: true}}\n${endpoints(endpoint('ci', receiver.url))}`)
  assert.match(reader.output, /wait in memory/)
  assert.equal((await (await reader.client()).get('/v2/team/app/manifests/v1')).status, 200)
  assert.deepEqual(
    (await receiver.got(1)).map(({ action }) => action),
    ['pull'],
  )
  await reader.end()
  assert.deepEqual(summary(await status(place)), [['ci', 'stopped', true]])
})

test('metrics count events, answers and what waits, by endpoint', async () => {
  await using place = await Workplace.make()
  await using receiver = await Receiver.start({ answer: (response, _received, before) => response.writeHead(before === 0 ? 500 : 200).end() })
  const server = await place.serve(endpoints(endpoint('ci', receiver.url)))
  const client = await server.client()
  await pushTo(client, 'team/app', imageOf('app'), 'v1')
  await receiver.got(3)
  const { text } = await client.get('/metrics')
  for (const line of [
    'registry_notifications_events_total{type="Events",endpoint="ci"} 3',
    'registry_notifications_events_total{type="Failures",endpoint="ci"} 1',
    'registry_notifications_status_total{code="500 Internal Server Error",endpoint="ci"} 1',
  ])
    assert.ok(text.includes(`${line}\n`), text)
  assert.match(text, /registry_notifications_pending_total\{endpoint="ci"\} [01]\n/)
})

test('no secret of an endpoint is in the log or in the status', async () => {
  await using place = await Workplace.make()
  const server = await place.serve(
    endpoints('{name: ci, url: "http://me:hush1@127.0.0.1:1/x?t=hush2", headers: {Authorization: [Bearer hush3]}, threshold: 1, backoff: 1ms}'),
  )
  await pushTo(await server.client(), 'team/app', imageOf('app'), 'v1')
  await server.says(/takes no events/)
  const { stdout } = await lacre(['notifications', 'status', '--data', place.data])
  assert.match(stdout, /^ci {2}failing: 3 events wait, the oldest since .*\(http:\/\/127\.0\.0\.1:1\/x\?…\)$/m)
  assert.doesNotMatch(server.output + stdout, /hush/)
})

test('without endpoints there is no thread, and status says that there is nothing', async () => {
  await using place = await Workplace.make()
  const server = await place.serve(endpoints(endpoint('off', NOBODY, ', disabled: true')))
  const { text } = await (await server.client()).get('/metrics')
  assert.doesNotMatch(text, /registry_notifications/)
  const { status: code, stdout } = await lacre(['notifications', 'status', '--data', place.data])
  assert.deepEqual([code, stdout], [0, 'no webhook endpoints, and no events wait\n'])
})

for (const [command, example] of [
  ['status', 'lacre notifications status'],
  ['discard', 'lacre notifications discard'],
] as const) {
  test(`lacre notifications ${command} --help has an example`, async () => {
    const { stdout } = await lacre(['notifications', command, '--help'])
    assert.match(stdout, new RegExp(`Examples?:\\n {2}${example}`))
  })
}
