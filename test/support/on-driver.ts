import { IN_MEMORY, type IndexDatabase, openIndex, openState } from '../../src/metadata/connect.ts'
import { openRegistry, type Registry, type RegistryEvent } from '../../src/registry/registry.ts'
import type { Driver } from '../../src/volume/driver.ts'

export interface OnDriverOptions {
  readonly index?: () => IndexDatabase
  readonly events?: RegistryEvent[]
  readonly clock?: { now(): number; monotonic(): number }
}

export const emptyIndex = (): IndexDatabase => openIndex(IN_MEMORY, () => undefined)

/** A registry on any driver, with its own state in memory and, unless told otherwise, an empty index. */
export function openOn(driver: Driver, { index = emptyIndex, events = [], clock }: OnDriverOptions = {}): Promise<Registry> {
  return openRegistry({ driver, openIndex: index, openState: () => openState(IN_MEMORY), report: (event) => events.push(event), ...(clock && { clock }) })
}
