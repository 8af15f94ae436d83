/** Where lacre answers otherwise than docker-registry 2.8, and why. */
export interface Difference {
  /** Which requests; they are written `scenario: METHOD path`. */
  readonly at: RegExp
  readonly field: string | RegExp
  /** What each answers; anything when it is not given. */
  readonly theirs?: string | undefined
  readonly ours?: string | undefined
  readonly why: string
}

export const differences: readonly Difference[] = []
