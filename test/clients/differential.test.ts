import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Described, differingFields } from './differential/describe-answer.ts'
import { type Difference, differences } from './differential/differences.ts'
import { play } from './differential/scenario.ts'
import { type Setting, settings } from './differential/settings.ts'
import { distribution, freePort, plainConfiguration, type RegistryProgram, type RunningServer, underTest } from './support/registry-server.ts'

/** The same requests to docker-registry and to the registry under test, configured alike, each on a fresh volume. */
const occurred = new Set<Difference>()
let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-differential-'))
})

after(() => rm(folder, { recursive: true, force: true }))

test('there are at least 200 requests', () => {
  const count = settings.flatMap(({ scenarios }) => scenarios).reduce((total, { asks }) => total + asks.length, 0)
  assert.ok(count >= 200, `${count} requests`)
})

for (const setting of settings) {
  describe(`with ${setting.name}, ${underTest.name} answers as docker-registry does, but for the differences listed`, () => {
    let peer: RunningServer
    let ours: RunningServer

    before(async () => {
      peer = await start(distribution, setting, 'peer')
      ours = await start(underTest, setting, 'ours')
    })

    after(async () => {
      await peer?.stop()
      await ours?.stop()
    })

    for (const scenario of setting.scenarios) {
      test(scenario.name, async () => {
        const theirAnswers = await play(peer.endpoint, scenario)
        const ourAnswers = await play(ours.endpoint, scenario)
        const unlisted: string[] = []
        for (const [request, answer] of theirAnswers) unlisted.push(...compare(`${setting.name}, ${request}`, answer, ourAnswers.get(request) ?? {}))
        assert.ok(unlisted.length === 0, `differences that are not listed (docker-registry → ${underTest.name}):\n${unlisted.join('\n')}`)
      })
    }
  })
}

test('every difference listed occurs', { skip: underTest === distribution }, () => {
  const idle = differences.filter((difference) => !occurred.has(difference))
  assert.deepEqual(
    idle.map(({ at, field }) => `${at} ${field}`),
    [],
  )
})

async function start(program: RegistryProgram, setting: Setting, name: string): Promise<RunningServer> {
  const port = await freePort('127.0.0.1')
  const own = join(folder, setting.name, name)
  const environment = await setting.environment(own)
  const configuration = plainConfiguration(`127.0.0.1:${port}`, join(own, 'data'))
  return program.start({ configuration, environment, folder: own, endpoint: { url: `http://127.0.0.1:${port}` } })
}

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
