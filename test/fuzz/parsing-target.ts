import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { FuzzTarget } from './fuzz-target.ts'

const PARSED_WITHIN_MS = 10_000

/** What `parsing` asks a worker to do, and is told. */
export interface ParsingCase {
  readonly seed: number
}
export interface ParsingOutcome {
  /** What was wrong, with the input; absent when nothing was. */
  readonly finding?: string
}

/** Runs cases in a thread of their own, so that one that does not end is noticed. */
export function openParsingTarget(file: 'configuration-worker.ts' | 'htpasswd-worker.ts'): FuzzTarget {
  const start = () => new Worker(new URL(file, import.meta.url))
  let worker = start()
  return {
    concurrency: 1,
    async try(dice) {
      worker.postMessage({ seed: dice.below(2 ** 32) } satisfies ParsingCase)
      const late = setTimeout(() => void worker.terminate(), PARSED_WITHIN_MS)
      const enough = new AbortController()
      const events = ['message', 'exit'].map((event) => once(worker, event, { signal: enough.signal }) as Promise<[ParsingOutcome | number]>)
      const outcome = await Promise.race(events)
      enough.abort()
      await Promise.allSettled(events)
      clearTimeout(late)
      if (typeof outcome[0] === 'number') {
        worker = start()
        throw new Error(`not parsed within ${PARSED_WITHIN_MS} ms, or the thread ended`)
      }
      if (outcome[0].finding !== undefined) throw new Error(outcome[0].finding)
    },
    verify: () => Promise.resolve(),
    [Symbol.asyncDispose]() {
      void worker.terminate() // one that hangs cannot be waited for
      return Promise.resolve()
    },
  }
}
