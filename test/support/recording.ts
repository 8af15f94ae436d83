import type { Driver } from '../../src/volume/driver.ts'
import { intercepted, isChange, type Operation } from './intercepted.ts'

/** A driver that notes each change once it is done, in order. `note` puts a word of the test's own between them. */
export function recording(driver: Driver): { readonly driver: Driver; readonly operations: (Operation | string)[]; note(word: string): void } {
  const operations: (Operation | string)[] = []
  const recorded = intercepted(driver, async (operation, proceed) => {
    const result = await proceed()
    if (isChange(operation)) operations.push(operation)
    return result
  })
  return { driver: recorded, operations, note: (word) => operations.push(word) }
}
