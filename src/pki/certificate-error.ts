/** A certificate, key or name that cannot be used. `hint` says what to do about it. */
export class CertificateError extends Error {
  readonly hint: string

  constructor(message: string, options: { hint: string; cause?: unknown }) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'CertificateError'
    this.hint = options.hint
  }
}
