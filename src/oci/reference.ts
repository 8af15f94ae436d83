import { type Digest, parseDigest } from './digest.ts'
import { OciError } from './error.ts'

/** A tag's name, for example `1.2` or `latest`. */
export type Tag = string & { readonly __brand: 'Tag' }

/** What names a manifest in a repository. */
export type Reference = { readonly kind: 'tag'; readonly tag: Tag } | { readonly kind: 'digest'; readonly digest: Digest }

const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

/** @throws OciError `TAG_INVALID` if `text` is not a tag by distribution-spec v1.1.1, "Pulling manifests". */
export function parseTag(text: string): Tag {
  const tag = findTagName(text)
  if (!tag) throw new OciError('TAG_INVALID', { tag: text.slice(0, 256) })
  return tag
}

/** The tag's name that `text` is, or `undefined`: for folders found on a volume. */
export function findTagName(text: string): Tag | undefined {
  return TAG.test(text) ? (text as Tag) : undefined // the only cast to Tag
}

/**
 * Reads the last part of a manifest's path. A colon can only stand in a digest.
 *
 * @throws OciError `DIGEST_INVALID` or `TAG_INVALID`.
 */
export function parseReference(text: string): Reference {
  return text.includes(':') ? { kind: 'digest', digest: parseDigest(text) } : { kind: 'tag', tag: parseTag(text) }
}

export function formatReference(reference: Reference): string {
  return reference.kind === 'tag' ? reference.tag : reference.digest
}
