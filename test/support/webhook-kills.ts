import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventRecord } from '../../src/notifications/event.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { randomBy } from './choices.ts'
import type { Client } from './http-client.ts'
import { imageOf } from './images.ts'
import { type LacreProcess, startLacre } from './lacre-process.ts'
import { Receiver } from './receiver.ts'

const PUSHERS = 3

/** Changes that were acknowledged, of each pusher in their order. */
type Acknowledged = readonly string[][]

/**
 * Kills a server under pushes and deletions, again and again, with one endpoint that takes all and one that now and then refuses.
 * Fails unless both get the event of each acknowledged change, in order, and the same events in the same order. Returns how much was acknowledged and sent again.
 */
export async function killUnderWebhooks(kills: number, seed: number): Promise<{ acknowledged: number; repeated: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'lacre-webhooks-'))
  await using steady = await Receiver.start()
  await using moody = await Receiver.start({ answer: (response, _received, before) => response.writeHead(before % 5 === 3 ? 500 : 200).end() })
  const endpoint = (name: string, { url }: Receiver) => `{name: ${name}, url: "${url}", timeout: 30s, backoff: 1ms}`
  const lines = `notifications: {endpoints: [${endpoint('steady', steady)}, ${endpoint('moody', moody)}]}`
  const random = randomBy(seed)
  const acknowledged: Acknowledged = Array.from({ length: PUSHERS }, () => [])
  for (let kill = 0; kill < kills; kill++) await pushUntilKilled(await startLacre(folder, lines), { kill, random, acknowledged })

  await using last = await startLacre(folder, lines)
  await pushImage(last.http, 'last', [])
  const isLast = ({ target }: EventRecord): boolean => target.repository === 'last' && target.tag === 'b'
  for (const receiver of [steady, moody]) await receiver.until(() => receiver.events.some(isLast))
  for (const receiver of [steady, moody]) verify(receiver.events, acknowledged)
  assert.deepEqual(withoutRepeats(steady.events).map(describe), withoutRepeats(moody.events).map(describe))
  await rm(folder, { recursive: true })
  const repeated = [steady, moody].reduce((sum, { events }) => sum + events.length - withoutRepeats(events).length, 0)
  return { acknowledged: acknowledged.flat().length, repeated }
}

interface Load {
  readonly kill: number
  readonly random: () => number
  readonly acknowledged: Acknowledged
}

async function pushUntilKilled(server: LacreProcess, { kill, random, acknowledged }: Load): Promise<void> {
  const enough = acknowledged.flat().length + 2 + Math.floor(random() * 20)
  const pushers = acknowledged.map(async (own, pusher) => {
    for (let count = 0; ; count++) {
      await pushImage(server.http, `pusher-${pusher}/kill-${kill}-${count}`, own)
      if (acknowledged.flat().length >= enough) void server.kill()
    }
  })
  await Promise.allSettled(pushers) // each ends when the server is gone
  await server.kill()
}

/** Pushes an image, re-tags it and deletes it; notes what the events of each acknowledged change are to be. */
async function pushImage(http: Client, repository: string, acknowledged: string[]): Promise<void> {
  const image = imageOf(repository)
  const change = async (status: number, [method, path, body]: readonly [string, string, Buffer?], ...events: readonly string[]): Promise<void> => {
    const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }
    const reply = await http.send(method, `/v2/${repository}${path}`, body ? { body, headers } : {})
    assert.equal(reply.status, status, reply.text)
    acknowledged.push(...events)
  }
  for (const blob of image.blobs) await change(201, ['POST', `/blobs/uploads/?digest=${digestOf(blob)}`, blob], `push ${repository} ${digestOf(blob)}`)
  for (const tag of ['a', 'b']) await change(201, ['PUT', `/manifests/${tag}`, image.manifest], `push ${repository} ${image.digest} ${tag}`)
  if (repository === 'last') return
  const gone = [`delete ${repository} ${image.digest}`, `delete ${repository} a`, `delete ${repository} b`]
  await change(202, ['DELETE', `/manifests/${image.digest}`], ...gone)
}

function describe({ action, target: { repository, digest, tag } }: EventRecord): string {
  return [action, repository, digest, tag].filter((part) => part !== undefined).join(' ')
}

/** Each event where it came first. */
function withoutRepeats(events: readonly EventRecord[]): EventRecord[] {
  const first = new Map<string, EventRecord>()
  for (const event of events) if (!first.has(event.id)) first.set(event.id, event)
  return [...first.values()]
}

/** All that was acknowledged came, in its order; what came twice is the same both times. */
function verify(events: readonly EventRecord[], acknowledged: Acknowledged): void {
  const places = new Map(withoutRepeats(events).map((event, place) => [describe(event), place]))
  for (const own of acknowledged) {
    const found = own.map((change) => places.get(change) ?? assert.fail(`there was no event of: ${change}`))
    assert.deepEqual(
      found,
      found.toSorted((one, other) => one - other),
      'events of changes that followed each other came in another order',
    )
  }
  const texts = new Map<string, string>()
  for (const event of events) assert.equal(texts.get(event.id) ?? JSON.stringify(event), texts.set(event.id, JSON.stringify(event)).get(event.id))
}
