import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { randomBy } from '../support/choices.ts'
import { HttpUser } from '../support/http-user.ts'
import { type LacreProcess, startDying, startLacre } from '../support/lacre-process.ts'
import { Ledger } from '../support/ledger.ts'
import { runLoad } from '../support/mixed-load.ts'

const KILLS = 200
const LOAD_MS = 3000 // at most

/** Where a server kills itself, between two steps of a commit. */
const POINTS = [
  'before rename .*/blobs/sha256',
  'after rename .*/blobs/sha256',
  'after syncFolder .*/blobs/sha256',
  'before rename .*/_layers/',
  'after rename .*/_layers/',
  'after rename .*/revisions/',
  'before rename .*/tags/',
  'after rename .*/tags/',
  'before rename .*/current/link',
  'after rename .*/current/link',
  'after rename .*/tags/.* lacre/trash',
  'after syncFolder .*/tags$',
  'before removeFile .*/revisions/.*/link',
  'after removeFile .*/revisions/.*/link',
  'after write .*/_uploads/.*/data',
  'before sync .*/_uploads/.*/data',
  'before syncAll',
  'after openWrite lacre/tmp',
] as const

test(`${KILLS} kills under load, at random and at named points, lose nothing that was acknowledged`, { timeout: 800_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lacre-kill-'))
  const ledger = new Ledger()
  const random = randomBy(20_26)
  let [acknowledged, verified] = [0, 0]
  for (let kill = 0; kill < KILLS; kill++) {
    const point = kill % 2 ? POINTS[(kill >> 1) % POINTS.length] : undefined
    const server = await (point ? startDying(folder, point, 1 + Math.floor(random() * 6)) : startLacre(folder))
    acknowledged += await loadUntilKilled(server, ledger, random)
    await using restarted = await startLacre(folder)
    verified += await new HttpUser(restarted.http, ledger).verify().catch((cause: unknown) => {
      throw new Error(`after kill ${kill} (${point ?? 'at random'}): ${(cause as Error).message}`, { cause })
    })
  }
  assert.ok(acknowledged > KILLS)
  t.diagnostic(`kills: ${KILLS}, ${acknowledged} changes acknowledged, ${verified} answers verified after restarts, 0 losses`)
  await rm(folder, { recursive: true })
})

/** Three users at once, until some changes are acknowledged, and a moment longer; a server may die by itself before. */
async function loadUntilKilled(server: LacreProcess, ledger: Ledger, random: () => number): Promise<number> {
  const enough = 1 + Math.floor(random() * 10)
  let [acknowledged, isOver] = [0, false]
  const end = (afterMs: number) => setTimeout(() => void server.kill(), afterMs)
  const last = end(LOAD_MS)
  void server.ended.then(() => {
    isOver = true
  })
  const onAcknowledged = (): unknown => ++acknowledged === enough && end(random() * 30)
  await Promise.all(Array.from({ length: 3 }, () => runLoad(new HttpUser(server.http, ledger), { random, isOver: () => isOver, onAcknowledged })))
  await server.kill()
  clearTimeout(last)
  return acknowledged
}
