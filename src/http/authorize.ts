import type { Principal } from '../access/authenticate.ts'
import type { RepositoryName } from '../oci/name.ts'

/** What an endpoint does, and so what it takes: `ping` and `catalog` are of the whole registry. */
export type Action = 'ping' | 'pull' | 'push' | 'delete' | 'catalog'

/** Whether `principal` may do `action`. Whoever the authenticator let in may do everything, as in Distribution with htpasswd. */
export function allows(_principal: Principal, _action: Action, _repository?: RepositoryName): boolean {
  return true
}
