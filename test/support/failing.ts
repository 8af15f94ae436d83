import type { Driver } from '../../src/volume/driver.ts'
import { systemError } from '../../src/volume/memory.ts'
import { intercepted, isChange, type Operation } from './intercepted.ts'

export type Fault = 'EIO' | 'ENOSPC' | 'killed'

/** Thrown by every operation after a `killed` fault: nothing of the process reaches the volume any more. */
class KilledError extends Error {}

export interface Failing {
  readonly driver: Driver
  /** Lets the change with this number fail, counted from 0 from now on. */
  failAt(change: number): void
  failed(): Operation | undefined
}

/** A driver of which one change does not happen. With EIO and ENOSPC later ones work again; with `killed` nothing does, reads neither. */
export function failing(driver: Driver, fault: Fault): Failing {
  let left = Number.POSITIVE_INFINITY
  let failed: Operation | undefined
  const faulty = intercepted(driver, async (operation, proceed) => {
    if (failed && fault === 'killed') throw new KilledError('killed')
    if (!isChange(operation) || left-- !== 0) return await proceed()
    failed = operation
    if (fault === 'killed') throw new KilledError('killed')
    throw systemError(fault, operation.name, operation.path)
  })
  return { driver: faulty, failAt: (change) => (left = change), failed: () => failed }
}
