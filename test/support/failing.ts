import type { Driver } from '../../src/volume/driver.ts'
import { systemError } from '../../src/volume/memory.ts'
import { intercepted, isChange, type Operation } from './intercepted.ts'

export type Fault = 'EIO' | 'ENOSPC' | 'killed'

/** Thrown by every operation after a `killed` fault: nothing of the process reaches the volume any more. */
export class KilledError extends Error {}

/**
 * A driver of which the change with number `at` (from 0) fails. With EIO and ENOSPC later ones work again; ENOSPC spares those that need
 * no room. With `killed` that change and everything after it, reads too, never happens.
 */
export function failing(driver: Driver, at: number, fault: Fault): { readonly driver: Driver; readonly failed: () => Operation | undefined } {
  let count = 0
  let failed: Operation | undefined
  const faulty = intercepted(driver, async (operation, proceed) => {
    if (failed && fault === 'killed') throw new KilledError('killed')
    const isNext = isChange(operation) && count++ === at
    if (!isNext) return await proceed()
    failed = operation
    if (fault === 'killed') throw new KilledError('killed')
    throw systemError(fault, operation.name, operation.path)
  })
  return { driver: faulty, failed: () => failed }
}
