/** Who sends a request, once that is known. */
export type Principal = { readonly kind: 'anonymous' } | { readonly kind: 'account'; readonly name: string }

/** A name and a password as a client sends them: nothing is checked yet. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** Tells whose credentials these are. Owns threads: dispose of it. */
export interface Authenticator extends AsyncDisposable {
  /** What the client is told to log in to: `WWW-Authenticate: Basic realm="…"`. */
  readonly realm: string

  /**
   * The account these credentials belong to, or `undefined` when they are wrong.
   *
   * @throws OciError `TOOMANYREQUESTS` with `Retry-After` when too many passwords are waiting to be compared.
   */
  authenticate(credentials: Credentials): Promise<Principal | undefined>
}
