import { randomUUID } from 'node:crypto'
import type { Digest } from '../oci/digest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'
import { type ReferenceRecord, readReferences } from './references.ts'

/** Distribution 2.8's; 3.x says `events.v2+json` for the same envelope. */
export const EVENTS_MEDIA_TYPE = 'application/vnd.docker.distribution.events.v1+json'

export const actions = ['pull', 'push', 'mount', 'delete'] as const

export type EventAction = (typeof actions)[number]

/** What was done to one thing. Sizes in bytes. */
export type Happening =
  | { readonly action: 'pull' | 'push'; readonly repository: RepositoryName; readonly manifest: EventManifest; readonly tag?: Tag | undefined }
  | { readonly action: 'pull' | 'push'; readonly repository: RepositoryName; readonly blob: EventBlob }
  | { readonly action: 'mount'; readonly repository: RepositoryName; readonly blob: EventBlob; readonly from: RepositoryName }
  | { readonly action: 'delete'; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly action: 'delete'; readonly repository: RepositoryName; readonly tag: Tag }

interface EventManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Buffer
}

interface EventBlob {
  readonly digest: Digest
  readonly size: number
}

/** The request that did it. */
export interface Cause {
  readonly request: RequestFields
  /** The account's name; absent where everybody is anonymous. */
  readonly actor: string | undefined
  /** Turns an API path into the address that this client would use. */
  readonly locate: (path: string) => string
}

interface RequestFields {
  readonly id: string
  /** As Distribution has it: the first of X-Forwarded-For, X-Real-Ip, else the connection's `address:port`. */
  readonly addr: string
  readonly host: string
  readonly method: string
  readonly useragent: string
}

/** The server that tells: `hostname:port`, and an id of this start. */
export interface EventSource {
  readonly addr: string
  readonly instanceID: string
}

/** An event as it goes out; keys in Distribution's order, and without the empty ones, as in Go. */
export interface EventRecord {
  readonly id: string
  readonly timestamp: string
  readonly action: EventAction
  readonly target: TargetRecord
  readonly request: Partial<RequestFields>
  readonly actor: { readonly name?: string }
  readonly source: EventSource
}

interface TargetRecord {
  readonly mediaType?: string
  readonly size?: number
  readonly digest?: Digest
  readonly length?: number
  readonly repository: RepositoryName
  readonly fromRepository?: RepositoryName
  readonly url?: string
  readonly tag?: Tag
  readonly references?: readonly ReferenceRecord[]
}

export interface EventOptions {
  readonly source: EventSource
  readonly includeReferences: boolean
  /** Milliseconds since 1970. */
  readonly now: number
}

/** @see Distribution notifications/bridge.go */
export function createEvent(happening: Happening, { request, actor, locate }: Cause, { source, includeReferences, now }: EventOptions): EventRecord {
  const { id, addr, host, method, useragent } = request
  return {
    id: randomUUID(),
    timestamp: new Date(now).toISOString(),
    action: happening.action,
    target: createTarget(happening, locate, includeReferences),
    request: { id, ...(addr && { addr }), ...(host && { host }), method, useragent },
    actor: actor ? { name: actor } : {},
    source,
  }
}

function createTarget(happening: Happening, locate: Cause['locate'], includeReferences: boolean): TargetRecord {
  const { repository } = happening
  if (happening.action === 'delete') return 'digest' in happening ? { digest: happening.digest, repository } : { repository, tag: happening.tag }
  if ('blob' in happening) {
    const { digest, size } = happening.blob
    const from = happening.action === 'mount' ? { fromRepository: happening.from } : {}
    return { ...describe(mediaTypes.blob, size, digest), repository, ...from, url: locate(`/v2/${repository}/blobs/${digest}`) }
  }
  const { digest, mediaType, bytes } = happening.manifest
  const references = includeReferences ? readReferences(bytes) : []
  return {
    ...describe(mediaType, bytes.byteLength, digest),
    repository,
    url: locate(`/v2/${repository}/manifests/${digest}`),
    ...(happening.tag && { tag: happening.tag }),
    ...(references.length > 0 && { references }),
  }
}

function describe(mediaType: string, size: number, digest: Digest): Pick<TargetRecord, 'mediaType' | 'size' | 'digest' | 'length'> {
  return size > 0 ? { mediaType, size, digest, length: size } : { mediaType, digest }
}

/** The media type of what an event is about; a deletion's has none. */
export function mediaTypeOf(happening: Happening): string {
  if (happening.action === 'delete') return ''
  return 'blob' in happening ? mediaTypes.blob : happening.manifest.mediaType
}

/** The body of a POST: one event, laid out as Distribution does. */
export function formatEnvelope(event: string): string {
  return JSON.stringify({ events: [JSON.parse(event)] }, undefined, 3)
}
