import { AsyncLocalStorage } from 'node:async_hooks'
import type { Driver } from '../../src/volume/driver.ts'
import { formatOperation, intercepted, isChange, type Operation } from './intercepted.ts'

type Actor = string

interface Parked {
  readonly actor: Actor
  readonly operation: Operation
  readonly go: () => void
}

/** Nobody can move and not everybody has finished. */
export class DeadlockError extends Error {}

/**
 * Decides who moves next: each operation that an actor starts on the driver waits until it is let go, one at a time, and the next decision
 * is made when all that can run without the volume has run. Operations of nobody (the process's own background work) are not held.
 */
export class Turns {
  readonly #actor = new AsyncLocalStorage<Actor>()
  readonly #isHeld: (operation: Operation) => boolean
  #parked: Parked[] = []
  /** Who did what, in order. */
  readonly trace: string[] = []

  constructor(isHeld: (operation: Operation) => boolean = isSeenByOthers) {
    this.#isHeld = isHeld
  }

  drive(driver: Driver): Driver {
    return intercepted(driver, async (operation, proceed) => {
      await this.#turn(operation)
      const result = await proceed()
      if (!isChange(operation)) await this.#turn({ ...operation, to: '(answered)' }) // what was read may be old when it is looked at
      return result
    })
  }

  /** A point of the test's own where an actor waits for its turn. */
  async pause(name: string): Promise<void> {
    await this.#turn({ name: 'stat', path: name })
  }

  /**
   * Runs the actors to their end; each waits for a turn to start. `choose` picks who moves, from the parked ones in order of their names.
   *
   * @throws DeadlockError
   */
  async run(
    actors: Readonly<Record<Actor, () => Promise<unknown>>>,
    choose: (parked: readonly Actor[]) => number,
  ): Promise<Record<Actor, PromiseSettledResult<unknown>>> {
    const results: Record<Actor, PromiseSettledResult<unknown>> = {}
    const running = Object.entries(actors).map(async ([actor, work]) => {
      const [result] = await Promise.allSettled([this.#actor.run(actor, () => this.pause('start').then(work))])
      results[actor] = result
    })
    for (;;) {
      await drained()
      if (Object.keys(results).length === running.length) return results
      const parked = this.#movable()
      if (parked.length === 0) throw new DeadlockError(`nobody can move after:\n${this.trace.join('\n')}`)
      this.#release(parked[choose(parked.map(({ actor }) => actor))] as Parked)
    }
  }

  /** One operation for each actor, that which it started first: in which order an actor's own parallel operations end is not explored. */
  #movable(): Parked[] {
    const firsts = new Map(this.#parked.toReversed().map((parked) => [parked.actor, parked]))
    return [...firsts.values()].sort((a, b) => (a.actor < b.actor ? -1 : 1))
  }

  #release(parked: Parked): void {
    this.#parked = this.#parked.filter((other) => other !== parked)
    this.trace.push(`${parked.actor}: ${formatOperation(parked.operation)}`)
    parked.go()
  }

  async #turn(operation: Operation): Promise<void> {
    const actor = this.#actor.getStore()
    if (actor === undefined || !this.#isHeld(operation)) return
    const turn = Promise.withResolvers<void>()
    this.#parked.push({ actor, operation, go: turn.resolve })
    await turn.promise
  }
}

/** Staged files have names nobody else knows: what happens to them before their rename needs no turn. */
function isSeenByOthers({ name, path }: Operation): boolean {
  if (name === 'close') return false
  return name === 'rename' || !/(?:^|\/)(?:lacre\/tmp|lacre\/trash|_lacre)(?:\/|$)/.test(path)
}

/** Resolves when all that does not wait for the volume has run: promises, streams and a few turns of the event loop. */
async function drained(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
}
