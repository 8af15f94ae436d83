import { test } from 'node:test'
import { cutEverywhere, killEverywhereThenCut } from '../support/cuts.ts'
import { scenarios } from './scenarios.ts'

const CUTS = { limit: 12, seed: 20_26 }

for (const [name, scenario] of Object.entries(scenarios)) {
  test(`a power cut at any step of ${name} loses nothing that was acknowledged`, async (t) => {
    const { moments, cuts, survivors } = await cutEverywhere(scenario, CUTS)
    t.diagnostic(`${name}: ${cuts} cuts at ${moments} steps, ${survivors} different survivors, 0 losses`)
  })
}

for (const [name, scenario] of Object.entries(scenarios)) {
  test(`${name}, killed at any step, started again, done again, then a power cut, loses nothing`, async (t) => {
    const { kills, moments, cuts } = await killEverywhereThenCut(scenario, { limit: 6, seed: 20_26, every: 17 })
    t.diagnostic(`${name}: ${kills} kills, ${cuts} cuts at ${moments} steps afterwards, 0 losses`)
  })
}
