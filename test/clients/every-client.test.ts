import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { run } from './support/command.ts'
import { distribution, ROOT, underTest } from './support/registry-server.ts'
import { type Action, actions } from './table/actions.ts'
import { type Client, everyAction, type OpenClient } from './table/client.ts'
import { clients } from './table/clients.ts'
import { type Column, type Refusal, readDocument, renderDocument } from './table/document.ts'
import { openPlace, type Place } from './table/place.ts'
import { assertAlike, attemptsOf, refuse } from './table/refusals.ts'
import { makeSupplies, type StockedRegistry, type Supplies, startStocked } from './table/registries.ts'
import { situations } from './table/situations.ts'

/** Every client does all it can with a registry that asks for a password over HTTPS, on a volume that Distribution wrote. */
const versions = new Map(await Promise.all(clients.map(async (client) => [client.name, await client.findVersion()] as const)))
const DOCUMENT = join(ROOT, 'docs/clients.md')
/** What Distribution 2.8 does not do, for when these tests are tried on it. */
const beyondDistribution: readonly Action[] = ['deleteTag', 'artifact']
const columns: Seen[] = []
let supplies: Supplies

type Seen = Column & { readonly cells: Record<Action, string>; readonly refusals: Refusal[] }

before(async () => {
  const folder = join(tmpdir(), `clients-${process.pid}`) // @NOTE podman wants short paths, and no capitals where it pulls from
  await mkdir(folder)
  supplies = await makeSupplies(folder)
})

after(() => rm(supplies.folder, { recursive: true, force: true }))

describe('each client', { concurrency: 3 }, () => {
  for (const client of clients) {
    const version = versions.get(client.name)
    const seen = { name: client.name, version: version ?? '', trusts: client.trusts, cells: { ...everyAction('fails'), ...client.cannot }, refusals: [] }
    if (version !== undefined) columns.push(seen)
    describe(`${client.name} ${version ?? ''}`, { concurrency: 1, skip: version === undefined && 'it is not on this machine' }, () => tryClient(client, seen))
  }
})

test('docs/clients.md says what was seen', { skip: underTest === distribution }, async () => {
  const written = await readFile(DOCUMENT, 'utf8').catch(() => '')
  const absent = readDocument(written).filter(({ name }) => versions.has(name) && versions.get(name) === undefined)
  const order = clients.map(({ name }) => name)
  const text = renderDocument([...columns, ...absent].toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name)))
  if (process.env['WRITE_CLIENTS'] !== undefined) await writeFile(DOCUMENT, text)
  else assert.equal(written, text, `the page differs from what was seen; "scripts/test-clients --write" writes it\n${await differenceOf(text)}`)
})

async function differenceOf(text: string): Promise<string> {
  const { stdout } = await run('diff', ['--unified=0', DOCUMENT, '-'], { input: text })
  return stdout
}

function tryClient(client: Client, seen: Seen): void {
  let registry: StockedRegistry
  let mutual: StockedRegistry
  let tool: OpenClient
  let folder: string

  before(async () => {
    registry = await startStocked(underTest, supplies)
    mutual = await startStocked(underTest, supplies, true)
    folder = await mkdtemp(join(supplies.folder, 'client-'))
    tool = await client.open({ folder, images: supplies.images })
  })

  after(async () => {
    await tool?.close()
    for (const one of [registry, mutual]) await one?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  describe('can', () => {
    let place: Place
    let trusted: AsyncDisposable[]

    before(async () => {
      place = await openPlace(supplies, { registry, mutual, slug: tool.slug })
      trusted = [await tool.trust(place.site), await tool.trust(place.mutual)]
    })

    after(async () => {
      for (const one of trusted ?? []) await one[Symbol.asyncDispose]()
    })

    for (const [action, title] of Object.entries(actions) as [Action, string][]) {
      const skip = underTest === distribution && beyondDistribution.includes(action)
      if (client.cannot[action] === undefined)
        test(title, { skip }, async () => {
          await tool.act(action, place)
          seen.cells[action] = 'yes'
        })
    }
  })

  describe('says what it says to Distribution', () => {
    let peer: StockedRegistry
    let mutualPeer: StockedRegistry

    before(async () => {
      peer = await startStocked(distribution, supplies)
      mutualPeer = await startStocked(distribution, supplies, true)
    })

    after(async () => {
      for (const one of [peer, mutualPeer]) await one?.stop()
    })

    for (const situation of situations) {
      for (const attempt of attemptsOf(client, situation)) {
        test(`${situation.title}: ${attempt}`, async () => {
          const theirs = await refuse(tool, situation.wantsIdentity ? mutualPeer : peer, supplies, { situation, attempt })
          const ours = await refuse(tool, situation.wantsIdentity ? mutual : registry, supplies, { situation, attempt })
          assertAlike(theirs, ours)
          seen.refusals.push({ situation: situation.title, attempt, text: ours })
        })
      }
    }
  })
}
