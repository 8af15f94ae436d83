/** One request, told when its answer has left (or could not). */
export interface RequestRecord {
  readonly requestId: string
  /** The endpoint's id in the route table; `undefined` for paths that match none. */
  readonly endpoint: string | undefined
  readonly repository: string | undefined
  readonly method: string
  /** As the client sent it, with its query. */
  readonly url: string
  readonly httpVersion: string
  /** 499 when the client went away before it was answered. */
  readonly status: number
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly durationMs: number
  readonly remoteAddress: string
  readonly account: string | undefined
  readonly referer: string | undefined
  readonly userAgent: string | undefined
  /** When it arrived, in milliseconds since 1970. */
  readonly startedAt: number
}

/** What the HTTP side tells whoever logs and counts. */
export interface HttpObserver {
  /** A request has arrived; `requestFinished` follows for it in any case. */
  requestStarted(): void
  requestFinished(record: RequestRecord): void
  /** A defect or an outage behind a request: the client was told `UNKNOWN`, or its download broke off. */
  requestFailed(error: unknown, about: { readonly requestId: string; readonly method: string; readonly url: string }): void
}
