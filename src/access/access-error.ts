export type AccessErrorCode =
  | 'NAME_INVALID'
  | 'PASSWORD_EMPTY'
  | 'PASSWORD_TOO_LONG'
  | 'PASSWORD_INVALID'
  | 'PASSWORD_WRONG'
  | 'HASH_UNUSABLE'
  | 'COST_INVALID'
  | 'ACCOUNT_EXISTS'
  | 'ACCOUNT_UNKNOWN'
  | 'FILE_INVALID'
  | 'FILE_MISSING'
  | 'FILE_UNUSABLE'
  | 'FILE_BUSY'
  | 'CANCELLED'
  | 'GRANT_INVALID'
  | 'GRANT_UNKNOWN'
  | 'GRANT_LAST'
  | 'GROUP_EXISTS'
  | 'GROUP_UNKNOWN'
  | 'GROUP_GRANTED'
  | 'POLICY_INVALID'
  | 'POLICY_UNREADABLE'

/** Trouble with accounts that the person at the command line can mend: `hint` says how. */
export class AccessError extends Error {
  readonly code: AccessErrorCode
  readonly hint: string

  constructor(code: AccessErrorCode, message: string, options: { hint: string; cause?: unknown }) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'AccessError'
    this.code = code
    this.hint = options.hint
  }
}
