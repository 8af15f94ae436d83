import { parseDigest } from '../oci/digest.ts'
import { OciError } from '../oci/error.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { parseReference } from '../oci/reference.ts'
import type { Action } from './authorize.ts'
import type { Handler, PathParameters } from './exchange.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** One row of the API: what the spec calls it, its address, what it takes to be allowed, and who answers. */
export interface Endpoint {
  /** The spec's name for it (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints). */
  readonly id: string
  readonly method: Method
  readonly path: string
  readonly action: Action
  readonly handler: Handler
}

/** A path that exists, whatever the method. */
export interface Route {
  readonly path: string
  /** By method; HEAD is there wherever GET is. */
  readonly endpoints: ReadonlyMap<string, Endpoint>
}

export interface Match {
  readonly route: Route
  /** The parts in angle brackets, percent-decoded once, not yet parsed. */
  readonly captures: Readonly<Record<string, string>>
}

export type FindRoute = (path: string) => Match | undefined

/** Compiles the table once. Of several paths that match, the first in the table wins. */
export function compileRoutes(table: readonly Endpoint[]): FindRoute {
  const compiled = [...Map.groupBy(table, ({ path }) => path)].map(([path, rows]) => ({ pattern: compilePath(path), route: compileRoute(path, rows) }))
  return (path) => {
    for (const { pattern, route } of compiled) {
      const match = pattern.exec(path)
      if (match) return { route, captures: mapValues(match.groups ?? {}, decodeOnce) }
    }
    return undefined
  }
}

/** @throws OciError `NAME_INVALID`, `DIGEST_INVALID`, `TAG_INVALID` or `BLOB_UPLOAD_UNKNOWN`. */
export function parseCaptures(captures: Match['captures']): PathParameters {
  const parsers = parameterParsers as Readonly<Record<string, (text: string) => unknown>>
  // A handler asks only for what its path has; the table and its test hold the two together.
  return mapValues(captures, (text, name) => parsers[name]?.(text)) as unknown as PathParameters
}

const parameterParsers = {
  name: parseRepositoryName,
  digest: parseDigest,
  reference: parseReference,
  session: parseSession,
} satisfies { [Name in keyof PathParameters]: (text: string) => PathParameters[Name] }

/** Distribution's pattern, never a dot first. */
function parseSession(text: string): string {
  if (!/^[A-Za-z0-9_=-][A-Za-z0-9_.=-]{0,127}$/.test(text)) throw new OciError('BLOB_UPLOAD_UNKNOWN', { session: text.slice(0, 128) })
  return text
}

/** `<name>` takes as many parts as it can, so that a repository may be called `a/manifests/b`; the others take one. */
function compilePath(path: string): RegExp {
  const source = path
    .replaceAll('<name>', '(?<name>.+)')
    .replaceAll(/<(?!name)(\w+)>/g, '(?<$1>[^/]+)')
    .replace(/uploads\/$/, 'uploads/?') // a redirect, as Distribution answers here, would turn a client's POST into GET
  return new RegExp(`^${source}$`, 's')
}

function compileRoute(path: string, rows: readonly Endpoint[]): Route {
  const endpoints = new Map<string, Endpoint>(rows.map((row) => [row.method, row]))
  const get = endpoints.get('GET')
  if (get) endpoints.set('HEAD', get)
  return { path, endpoints }
}

/** Text that cannot be decoded, or hides a slash, stays as it is: its `%` is in no grammar, so its parser refuses it. */
function decodeOnce(text: string): string {
  if (!text.includes('%')) return text
  return text.split('/').map(decodePart).join('/')
}

function decodePart(part: string): string {
  if (!part.includes('%')) return part
  try {
    const decoded = decodeURIComponent(part)
    return decoded.includes('/') ? part : decoded
  } catch {
    return part
  }
}

function mapValues<Out>(record: Readonly<Record<string, string>>, change: (text: string, name: string) => Out): Record<string, Out> {
  const changed: Record<string, Out> = {} // this runs twice for each request: a loop costs a third of fromEntries
  for (const name in record) changed[name] = change(record[name] ?? '', name)
  return changed
}
