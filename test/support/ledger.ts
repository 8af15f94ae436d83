/** What a cell may hold; `absent` is a value like any other. */
export type CellValue = string

export const ABSENT = 'absent'
export const PRESENT = 'present'

/** Names of cells. */
export const cellOf = {
  tag: (repository: string, tag: string): string => `tag ${repository} ${tag}`,
  manifest: (repository: string, digest: string): string => `manifest ${repository} ${digest}`,
  blob: (repository: string, digest: string): string => `blob ${repository} ${digest}`,
}

/** What an operation will have done to one cell when it is acknowledged. */
export interface Effect {
  readonly cell: string
  readonly value: CellValue
  /** The cell changes only if it holds this. */
  readonly onlyIf?: CellValue
}

interface Cell {
  allowed: Set<CellValue>
  /** Effects of operations that overlap in time, until none is under way. */
  readonly overlapping: Set<Effect>
  before: Set<CellValue>
  underWay: number
  /** Whether a client's deletion may be what emptied it. */
  isDeleted: boolean
}

/**
 * What a client may rely on: for each cell (a tag, a manifest or a blob of a repository) the values it may hold. An acknowledged change
 * leaves one value; one that is under way, or failed, leaves the old and the new; changes that overlap may take effect in any order.
 */
export class Ledger {
  readonly #cells = new Map<string, Cell>()

  /** Runs `work`, and counts its effects as certain once it has resolved. */
  async during<T>(effects: readonly Effect[], work: () => Promise<T>): Promise<T> {
    for (const effect of effects) this.#begin(effect).isDeleted ||= effect.value === ABSENT
    let isAcknowledged = false
    try {
      const result = await work()
      isAcknowledged = true
      return result
    } finally {
      for (const effect of effects) this.#end(effect, isAcknowledged)
    }
  }

  /** Runs `work`, whose effects may or may not have come about when it has resolved. */
  async attempt<T>(effects: readonly Effect[], work: () => Promise<T>): Promise<T> {
    for (const effect of effects) this.#begin(effect)
    try {
      return await work()
    } finally {
      for (const effect of effects) this.#end(effect, false)
    }
  }

  allowed(cell: string): ReadonlySet<CellValue> {
    return new Set(this.#cells.get(cell)?.allowed ?? [ABSENT])
  }

  /** Whether clients may have asked for the cell to be empty: what they only stopped using must not vanish while it is used. */
  isDeleted(cell: string): boolean {
    return this.#cells.get(cell)?.isDeleted ?? false
  }

  /** Cells that were ever touched. */
  get cells(): string[] {
    return [...this.#cells.keys()]
  }

  /** What may be relied on at this moment, unchanged by what comes later. */
  copy(): Ledger {
    const copy = new Ledger()
    for (const [name, { allowed, isDeleted }] of this.#cells)
      copy.#cells.set(name, { allowed: new Set(allowed), overlapping: new Set(), before: new Set(allowed), underWay: 0, isDeleted })
    return copy
  }

  toString(): string {
    return Array.from(this.#cells, ([name, { allowed }]) => `${name}=${[...allowed].sort().join('|')}`)
      .sort()
      .join('\n')
  }

  #begin(effect: Effect): Cell {
    const cell = this.#cells.get(effect.cell) ?? { allowed: new Set([ABSENT]), overlapping: new Set(), before: new Set(), underWay: 0, isDeleted: false }
    this.#cells.set(effect.cell, cell)
    if (cell.underWay === 0) {
      cell.overlapping.clear()
      cell.before = new Set(cell.allowed)
    }
    cell.underWay++
    cell.overlapping.add(effect)
    if (effect.onlyIf === undefined || cell.allowed.has(effect.onlyIf)) cell.allowed.add(effect.value)
    return cell
  }

  #end(effect: Effect, isAcknowledged: boolean): void {
    const cell = this.#cells.get(effect.cell) as Cell
    cell.underWay--
    if (!isAcknowledged) return
    const others = [...cell.overlapping].filter((other) => other !== effect).map(({ value }) => value)
    const kept = effect.onlyIf === undefined ? [] : [...cell.before].filter((value) => value !== effect.onlyIf)
    const isChanged = effect.onlyIf === undefined || cell.before.has(effect.onlyIf) || others.includes(effect.onlyIf)
    cell.isDeleted &&= effect.value === ABSENT || others.includes(ABSENT)
    cell.allowed = new Set([...others, ...kept, ...(isChanged ? [effect.value] : [])])
  }
}
