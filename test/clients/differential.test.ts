import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Described, differingFields } from './differential/describe-answer.ts'
import { type Difference, differences } from './differential/differences.ts'
import { manifestScenarios } from './differential/manifest-requests.ts'
import { generalScenarios } from './differential/requests.ts'
import { play } from './differential/scenario.ts'
import type { Endpoint } from './support/registry-client.ts'
import { distribution, freePort, plainConfiguration, type RegistryProgram, type RunningServer, underTest } from './support/registry-server.ts'

/** The same requests to docker-registry and to the registry under test, each on a fresh volume. */
const scenarios = [...generalScenarios, ...manifestScenarios]
const servers: RunningServer[] = []
const occurred = new Set<Difference>()
let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-differential-'))
  servers.push(await startOn(distribution, 'peer'))
  servers.push(await startOn(underTest, 'ours'))
})

after(async () => {
  for (const server of servers) await server.stop()
  await rm(folder, { recursive: true, force: true })
})

async function startOn(program: RegistryProgram, name: string): Promise<RunningServer> {
  const port = await freePort('127.0.0.1')
  const configuration = plainConfiguration(`127.0.0.1:${port}`, join(folder, name, 'data'))
  return program.start({ configuration, folder: join(folder, name), endpoint: { url: `http://127.0.0.1:${port}` } })
}

function endpoint(which: 0 | 1): Endpoint {
  const server = servers[which]
  if (!server) throw new Error('a server did not start')
  return server.endpoint
}

test('there are about 200 requests', () => {
  const count = scenarios.reduce((total, { asks }) => total + asks.length, 0)
  assert.ok(count >= 200, `${count} requests`)
})

for (const scenario of scenarios) {
  test(`${scenario.name}: ${underTest.name} answers as docker-registry does, but for the differences listed`, async () => {
    const theirs = await play(endpoint(0), scenario)
    const ours = await play(endpoint(1), scenario)
    const unlisted: string[] = []
    for (const [request, answer] of theirs) unlisted.push(...compare(request, answer, ours.get(request) ?? {}))
    assert.ok(unlisted.length === 0, `differences that are not listed (docker-registry → ${underTest.name}):\n${unlisted.join('\n')}`)
  })
}

test('every difference listed occurs', { skip: underTest === distribution }, () => {
  const idle = differences.filter((difference) => !occurred.has(difference))
  assert.deepEqual(
    idle.map(({ at, field }) => `${at} ${field}`),
    [],
  )
})

/** The differences of one answer that no entry explains; entries that explain one are noted. */
function compare(request: string, theirs: Described, ours: Described): string[] {
  const unlisted: string[] = []
  for (const field of differingFields(theirs, ours)) {
    const listed = underTest === distribution ? undefined : differences.find((entry) => explains(entry, request, field, theirs[field], ours[field]))
    if (listed) occurred.add(listed)
    else unlisted.push(`${request}\n    ${field}: ${theirs[field]} → ${ours[field]}`)
  }
  return unlisted
}

function explains(entry: Difference, request: string, field: string, theirs: string | undefined, ours: string | undefined): boolean {
  return matches(entry.at, request) && matches(entry.field, field) && matches(entry.theirs, theirs) && matches(entry.ours, ours)
}

function matches(expected: string | RegExp | undefined, actual = 'nothing'): boolean {
  return expected === undefined || (typeof expected === 'string' ? expected === actual : expected.test(actual))
}
