import { parentPort } from 'node:worker_threads'
import { Dice } from './dice.ts'
import type { ParsingCase, ParsingOutcome } from './parsing-target.ts'

/** In a worker: tries each case that comes, and tells what was wrong with it. */
export function serveCases(tryCase: (dice: Dice) => Promise<void>): void {
  const tell = (outcome: ParsingOutcome) => parentPort?.postMessage(outcome)
  parentPort?.on('message', ({ seed }: ParsingCase) => {
    void tryCase(new Dice(seed)).then(
      () => tell({}),
      (error: unknown) => tell({ finding: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  })
}
