import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Reference } from '../oci/reference.ts'
import type { Registry } from '../registry/registry.ts'
import type { Announcer } from './announce.ts'
import type { Leave } from './authorize.ts'
import type { Locate } from './location.ts'
import type { Reply } from './reply.ts'
import type { HttpSettings } from './settings.ts'

/** What the parts in angle brackets of a route's path mean, already parsed. */
export interface PathParameters {
  readonly name: RepositoryName
  readonly digest: Digest
  readonly reference: Reference
  readonly session: string
}

/** One request as a handler sees it: authorised, its path parsed, its body not yet read. */
export interface Exchange<Parameter extends keyof PathParameters = keyof PathParameters> {
  readonly registry: Registry
  readonly settings: HttpSettings
  /** What else the sender may do: the endpoint's own action was looked at. */
  readonly leave: Leave
  readonly isHead: boolean
  readonly params: Pick<PathParameters, Parameter>
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** The body's length in bytes as the client states it; `undefined` when it is sent in chunks. */
  readonly contentLength: number | undefined
  readonly locate: Locate
  readonly announce: Announcer
  /** The body. A client that waits for leave to send it (`Expect: 100-continue`) gets that leave when it is first read. */
  openBody(): Readable
}

export type Handler = (exchange: Exchange) => Promise<Reply>

/** The path of a page's own list, for its `Link`. */
export function listPath({ settings }: Exchange<never>, path: string): string {
  return `${settings.prefix.replace(/\/$/, '')}${path}`
}
