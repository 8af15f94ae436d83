import { randomBy } from './choices.ts'

/** Picks who moves next among those who can, by position. */
export type Choose = (parked: readonly string[]) => number

export interface Explored {
  /** Different orders that were run. */
  readonly count: number
  /** Whether these were all there are. */
  readonly isComplete: boolean
  /** How often at most somebody was interrupted who could have gone on, in the orders of which none was left out. */
  readonly interruptions: number
}

/** What was to be decided at one step of an order. */
interface Step {
  readonly width: number
  /** Whether any choice but the first interrupts somebody who could go on. */
  readonly isInterruption: boolean
}

/**
 * Runs `once` under different orders of its actors' turns. First every order without interruptions, then every one with one, with two and
 * so on (most bugs need one or two); where half of `limit` does not suffice for all of them, the rest are orders at random by `seed`.
 */
export async function explore({ limit, seed }: { readonly limit: number; readonly seed: number }, once: (choose: Choose) => Promise<void>): Promise<Explored> {
  const known = new Map<string, readonly Step[]>()
  for (let bound = 0; ; bound++) {
    let isCutOff = false
    for (let plan: number[] | undefined = []; plan; ) {
      const key = plan.join()
      if (!known.has(key) && known.size >= limit / 2) return await sampled({ limit, seed, steps: longest(known), interruptions: bound - 1 }, known.size, once)
      const steps: readonly Step[] = known.get(key) ?? (await runPlan(plan, once))
      known.set(key, steps)
      const next = nextPlan(plan, steps, bound)
      isCutOff ||= next.isCutOff
      plan = next.plan
    }
    if (!isCutOff) return { count: known.size, isComplete: true, interruptions: bound }
  }
}

interface Sampling {
  readonly limit: number
  readonly seed: number
  /** Of the longest order so far. */
  readonly steps: number
  readonly interruptions: number
}

async function sampled({ limit, seed, steps, interruptions }: Sampling, done: number, once: (choose: Choose) => Promise<void>): Promise<Explored> {
  for (let count = done; count < limit; count++) await once(randomOrder(seed + count, steps))
  return { count: limit, isComplete: false, interruptions }
}

const longest = (known: ReadonlyMap<string, readonly Step[]>): number => Math.max(...Array.from(known.values(), (steps) => steps.length))

async function runPlan(plan: readonly number[], once: (choose: Choose) => Promise<void>): Promise<Step[]> {
  const steps: Step[] = []
  let last = ''
  await once((parked) => {
    const order = lastFirst(parked, last)
    const choice = order[plan[steps.length] ?? 0] ?? 0
    steps.push({ width: parked.length, isInterruption: parked.includes(last) })
    last = parked[choice] ?? ''
    return choice
  })
  return steps
}

/** Positions in `parked`, with that of `last` before all others. */
function lastFirst(parked: readonly string[], last: string): number[] {
  const positions = parked.map((_, index) => index)
  return positions.toSorted((a, b) => Number(parked[b] === last) - Number(parked[a] === last))
}

/** The next plan of a depth-first walk with at most `bound` interruptions, without trailing zeros. */
function nextPlan(plan: readonly number[], steps: readonly Step[], bound: number): { readonly plan: number[] | undefined; readonly isCutOff: boolean } {
  let isCutOff = false
  for (let depth = steps.length - 1; depth >= 0; depth--) {
    const choice = (plan[depth] ?? 0) + 1
    if (choice >= (steps[depth]?.width ?? 0)) continue
    const next = [...Array.from({ length: depth }, (_, at) => plan[at] ?? 0), choice]
    if (next.filter((taken, at) => taken > 0 && steps[at]?.isInterruption).length <= bound) return { plan: next, isCutOff }
    isCutOff = true
  }
  return { plan: undefined, isCutOff }
}

/**
 * An order by random priorities: whoever has the highest moves, and at a few random steps whoever moved last gets the lowest. Every bug that
 * needs few interruptions has its fair chance.
 *
 * @see Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, ASPLOS 2010
 */
function randomOrder(seed: number, steps: number): Choose {
  const random = randomBy(seed)
  const priorities = new Map<string, number>()
  const changes = new Set(Array.from({ length: 1 + Math.floor(random() * 3) }, () => Math.floor(random() * steps)))
  let [step, last, lowest] = [0, '', 0]
  return (parked) => {
    for (const actor of parked) if (!priorities.has(actor)) priorities.set(actor, random())
    if (changes.has(step++)) priorities.set(last, --lowest)
    const best = Math.max(...parked.map((actor) => priorities.get(actor) ?? 0))
    last = parked.find((actor) => priorities.get(actor) === best) ?? ''
    return parked.indexOf(last)
  }
}
