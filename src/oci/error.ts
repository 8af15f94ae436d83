/**
 * What the registry API may answer when it refuses: code → HTTP status and fixed message.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
 * @see Distribution registry/api/errcode/register.go and registry/api/v2/errors.go for the messages
 */
export const ociErrors = {
  UNKNOWN: { status: 500, message: 'unknown error' },
  UNSUPPORTED: { status: 405, message: 'The operation is unsupported.' },
  UNAUTHORIZED: { status: 401, message: 'authentication required' },
  DENIED: { status: 403, message: 'requested access to the resource is denied' },
  UNAVAILABLE: { status: 503, message: 'service unavailable' },
  TOOMANYREQUESTS: { status: 429, message: 'too many requests' },
  DIGEST_INVALID: { status: 400, message: 'provided digest did not match uploaded content' },
  SIZE_INVALID: { status: 400, message: 'provided length did not match content length' },
  RANGE_INVALID: { status: 416, message: 'invalid content range' },
  NAME_INVALID: { status: 400, message: 'invalid repository name' },
  TAG_INVALID: { status: 400, message: 'manifest tag did not match URI' },
  NAME_UNKNOWN: { status: 404, message: 'repository name not known to registry' },
  MANIFEST_UNKNOWN: { status: 404, message: 'manifest unknown' },
  MANIFEST_INVALID: { status: 400, message: 'manifest invalid' },
  MANIFEST_BLOB_UNKNOWN: { status: 400, message: 'blob unknown to registry' },
  BLOB_UNKNOWN: { status: 404, message: 'blob unknown to registry' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, message: 'blob upload unknown to registry' },
  BLOB_UPLOAD_INVALID: { status: 404, message: 'blob upload invalid' },
  PAGINATION_NUMBER_INVALID: { status: 400, message: 'invalid number of results requested' },
} as const

export type OciErrorCode = keyof typeof ociErrors

export interface OciErrorOptions {
  /** Overrides the code's usual status, for example 413 for a manifest that is too large. */
  readonly status?: number
  /** Takes the place of the code's message, where a person must read the reason: most clients show nothing else. */
  readonly message?: string
  /** Headers the answer must carry, for example `Range` of a 416. */
  readonly headers?: Readonly<Record<string, string>>
  /** Further errors of the same answer; the status is that of the first. */
  readonly others?: readonly OciError[]
  readonly cause?: unknown
}

/** A refusal that the client is told about. Thrown anywhere, written in one place. */
export class OciError extends Error {
  readonly code: OciErrorCode
  readonly detail: unknown
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly others: readonly OciError[]

  constructor(code: OciErrorCode, detail?: unknown, options: OciErrorOptions = {}) {
    super(options.message ?? ociErrors[code].message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'OciError'
    this.code = code
    this.detail = detail
    this.status = options.status ?? ociErrors[code].status
    this.headers = options.headers ?? {}
    this.others = options.others ?? []
  }
}
