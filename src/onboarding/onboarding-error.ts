/** A machine that cannot be set up as it is. `hint` says what to do about it. */
export class OnboardingError extends Error {
  readonly hint: string

  constructor(message: string, options: { hint: string; cause?: unknown }) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'OnboardingError'
    this.hint = options.hint
  }
}
