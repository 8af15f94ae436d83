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
   * @param source the address they come from, as wrong passwords are counted by it.
   * @throws OciError `TOOMANYREQUESTS` with `Retry-After` after too many wrong passwords, or when too many are waiting to be compared.
   */
  authenticate(credentials: Credentials, source?: string): Promise<Principal | undefined>
}
