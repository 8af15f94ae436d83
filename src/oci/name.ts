import { OciError } from './error.ts'

/** A repository's name, for example `team/app`. Safe as a path: no empty, dot or underscore-led parts. */
export type RepositoryName = string & { readonly __brand: 'RepositoryName' }

const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const HOST = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
// Distribution's router takes the full reference grammar: a first part may look like a host with a port.
const NAME = new RegExp(`^(?:${HOST}(?:\\.${HOST})*(?::[0-9]+)?/)?${PART}(?:/${PART})*$`)
const NAME_LIMIT = 255 // Distribution reference.RepositoryNameTotalLengthMax, in characters

/**
 * Reads a repository's name as a client sends it, already percent-decoded once.
 *
 * @throws OciError `NAME_INVALID` if it does not match the grammar or is longer than 255 characters.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
 */
export function parseRepositoryName(text: string): RepositoryName {
  const name = findRepositoryName(text)
  if (!name) throw new OciError('NAME_INVALID', { name: text.slice(0, 300) })
  return name
}

/** The name that `text` is, or `undefined`: for folders found on a volume. */
export function findRepositoryName(text: string): RepositoryName | undefined {
  return text.length <= NAME_LIMIT && NAME.test(text) ? (text as RepositoryName) : undefined // the only cast
}
