/** A machine that cannot be set up as it is. `hint` says what to do about it. */
export class OnboardingError extends Error {
  readonly hint: string

  constructor(message: string, options: { hint: string; cause?: unknown }) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'OnboardingError'
    this.hint = options.hint
  }
}

const remedies: Readonly<Record<string, string>> = {
  EACCES: 'run it as a user who may (with sudo, as root)',
  EPERM: 'run it as a user who may (with sudo, as root)',
  EROFS: 'that file system is read-only: name another folder, or mount it read-write',
  ENOSPC: 'the disk is full: make room, and run it again',
}

/** What a person can mend about a system call that failed; any other error as it is. */
export function explainFailure(error: unknown, path: string): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException
  const remedy = remedies[code]
  return remedy ? new OnboardingError(`cannot get at ${path}: ${message}`, { hint: `${remedy}; nothing was changed`, cause: error }) : error
}
