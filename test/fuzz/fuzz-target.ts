import type { Dice } from './dice.ts'

/** Something that takes input from outside. */
export interface FuzzTarget extends AsyncDisposable {
  /** How many cases may run at a time. */
  readonly concurrency: number
  /** Makes one case with the dice and tries it. Throws when the answer is one that must not be. */
  try(dice: Dice): Promise<void>
  /** What must hold after any number of cases: throws when it does not. */
  verify(): Promise<void>
}
