import { test } from 'node:test'
import { cutEverywhere, killEverywhereThenCut } from '../support/cuts.ts'
import { failEveryCommit, failEveryStart, failEverywhere } from '../support/failures.ts'
import { interleave } from '../support/interleave.ts'
import { interleavings } from './interleavings.ts'
import { scenarios } from './scenarios.ts'

const SEED = 20_26

/** A power cut at each step of each scenario; `limit` survivors of one moment. */
export function powerCutTests(limit: number): void {
  for (const [name, scenario] of Object.entries(scenarios)) {
    test(`a power cut at any step of ${name} loses nothing that was acknowledged`, async (t) => {
      const { moments, cuts, survivors } = await cutEverywhere(scenario, { limit, seed: SEED })
      t.diagnostic(`power cuts, ${name}: ${cuts} at ${moments} steps, ${survivors} different survivors, 0 losses`)
    })
  }
}

/** A kill at every `everyKill`th step, a restart, the same again, then a power cut at the end of that and at every `every`th step. */
export function killThenCutTests(options: { readonly limit: number; readonly every: number; readonly everyKill: number }): void {
  for (const [name, scenario] of Object.entries(scenarios)) {
    test(`${name}, killed at any step, started again, done again, then a power cut, loses nothing`, async (t) => {
      const { kills, moments, cuts } = await killEverywhereThenCut(scenario, { ...options, seed: SEED })
      t.diagnostic(`kills, ${name}: ${kills} kills, then ${cuts} power cuts at ${moments} steps, 0 losses`)
    })
  }
}

/** An error at every `every`th step of each scenario, at each commit of rows, and at each step of a start. */
export function failureTests(every: number): void {
  for (const [name, scenario] of Object.entries(scenarios)) {
    for (const fault of ['EIO', 'ENOSPC'] as const) {
      test(`${fault} at any step of ${name} is answered as an error, and the next push works`, async (t) => {
        t.diagnostic(`failures, ${name}: ${fault} at ${await failEverywhere(scenario, { fault, every })} steps, 0 losses`)
      })
    }
    test(`rows that cannot be committed at any step of ${name} are answered as an error, and built anew`, async (t) => {
      t.diagnostic(`failures, ${name}: ${await failEveryCommit(scenario)} commits, 0 losses`)
    })
  }
  test('a start that fails at any step leaves a volume that the next one starts on', async (t) => {
    const scenario = scenarios['the deletion of a tag']
    if (scenario) t.diagnostic(`failures, start: EIO at ${await failEveryStart(scenario, { fault: 'EIO', every })} steps, 0 losses`)
  })
}

export function interleavingTests(limit: number): void {
  for (const [name, interleaving] of Object.entries(interleavings)) {
    test(`${name}: no order of their steps breaks a promise`, async (t) => {
      const { count, isComplete, interruptions } = await interleave(interleaving, { limit, seed: SEED })
      const kinds = isComplete ? 'all there are' : interruptions < 0 ? 'a sample' : `every one with up to ${interruptions} interruptions, and a sample`
      t.diagnostic(`interleavings, ${name}: ${count} (${kinds}), 0 losses`)
    })
  }
}
