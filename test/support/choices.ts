/** One state for each thing that has several. */
export type Choice = readonly number[]

/**
 * The ways to choose one of `states[i]` states for each i: all of them when they are at most `limit`. Else the extremes (none, all, each
 * single one missing, each single one there, each in each of its middle states) and as many more at random by `seed` as the limit allows.
 */
export function* chooseAll(states: readonly number[], limit: number, seed: number): Generator<Choice> {
  const total = states.reduce((product, count) => product * count, 1)
  if (total <= limit) return yield* everyChoice(states)
  const seen = new Set<string>()
  for (const choice of sample(states, limit, seed)) {
    const key = choice.join()
    if (!seen.has(key)) yield choice
    seen.add(key)
    if (seen.size === limit) return
  }
}

function* everyChoice(states: readonly number[]): Generator<Choice> {
  const choice = states.map(() => 0)
  for (;;) {
    yield [...choice]
    const carry = choice.findIndex((state, index) => state + 1 < (states[index] ?? 0))
    if (carry < 0) return
    choice.fill(0, 0, carry)
    choice[carry] = (choice[carry] ?? 0) + 1
  }
}

function* sample(states: readonly number[], limit: number, seed: number): Generator<Choice> {
  const none = states.map(() => 0)
  const all = states.map((count) => count - 1)
  yield none
  yield all
  const random = randomBy(seed)
  const order = states.map((_, index) => index).sort(() => random() - 0.5)
  for (const index of order) {
    yield all.with(index, 0)
    yield none.with(index, (states[index] ?? 1) - 1)
    for (let middle = 1; middle < (states[index] ?? 0) - 1; middle++) yield all.with(index, middle)
  }
  for (let tries = 0; tries < limit * 2; tries++) yield states.map((count) => Math.floor(random() * count))
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function randomBy(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
