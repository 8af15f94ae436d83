import type { Authenticator, Principal } from '../access/authenticate.ts'
import type { Policy } from '../access/policy.ts'
import { OciError } from '../oci/error.ts'
import { challenge, repositoryAccess } from './authenticate.ts'

/** What an endpoint does, and so what it takes: `ping` and `catalog` are of the whole registry. */
export type Action = 'ping' | 'pull' | 'push' | 'delete' | 'catalog'

/** What a request does to a repository. */
export interface Deed {
  readonly action: 'pull' | 'push' | 'delete'
  readonly repository: string
  /** The tag that is made, moved or deleted, if it is about one. */
  readonly tag?: string | undefined
  /** Whether the tag is there and would be moved. */
  readonly overwrites?: boolean
}

/** Whose request it is, and what decides about it. */
export interface Sender {
  readonly principal: Principal
  readonly policy: Policy
  readonly address: string
  /** Milliseconds since 1970. */
  readonly now: number
  readonly authenticator: Authenticator | undefined
}

/** What the sender of one request may do. */
export class Leave {
  readonly #sender: Sender

  constructor(sender: Sender) {
    this.#sender = sender
  }

  /** Whether nobody has logged in where one can. */
  get isStranger(): boolean {
    return this.#sender.principal.kind === 'anonymous' && this.#sender.authenticator !== undefined
  }

  allows(deed: Deed): boolean {
    const { policy } = this.#sender
    return policy.isOpen ? !this.isStranger : policy.findGrant(this.#sender, deed) !== undefined
  }

  /** Whether every repository may be pulled from, so that none needs to be hidden. */
  get pullsEverywhere(): boolean {
    const { policy } = this.#sender
    return policy.isOpen ? !this.isStranger : policy.allowsEverywhere(this.#sender, 'pull')
  }

  /**
   * Whether the catalog may be asked for: whoever has logged in sees what may be pulled, be it nothing.
   *
   * @NOTE a stranger is not let in at `/v2/`: docker asks there whether to send its password, and never does after a 200.
   */
  admits(action: 'ping' | 'catalog'): boolean {
    if (!this.isStranger) return true
    return action === 'catalog' && this.#sender.policy.grants.some(({ to }) => to.kind === 'anonymous')
  }

  /** @throws OciError what {@link refusal} makes, unless it is allowed. */
  demand(deed: Deed): void {
    if (!this.allows(deed)) throw this.refusal(deed)
  }

  /** `UNAUTHORIZED` with the challenge for a stranger, else `DENIED` with what to ask for. Neither depends on what is there. */
  refusal(deed: Deed): OciError {
    const { principal, authenticator } = this.#sender
    if (authenticator && principal.kind === 'anonymous') return challenge(authenticator, repositoryAccess(METHODS[deed.action], deed.repository, null))
    const who = principal.kind === 'account' ? principal.name : 'anonymous'
    const { action, repository, tag } = deed
    const where = tag === undefined ? repository : `${repository}:${tag}`
    const hint = `ask who runs this registry for it: lacre access why ${who} ${action} ${where}`
    return new OciError('DENIED', { action, repository, ...(tag !== undefined && { tag }), hint }, { message: `${who} may not ${action} ${where}` })
  }
}

const METHODS = { pull: 'GET', push: 'PUT', delete: 'DELETE' } as const
