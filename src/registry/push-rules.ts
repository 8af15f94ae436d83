import { runInNewContext } from 'node:vm'
import { OciError } from '../oci/error.ts'
import type { Descriptor, ParsedManifest, Platform } from '../oci/manifest.ts'
import { isImageLayer, isIndexType } from '../oci/media-type.ts'

/** What an operator allows to be pushed, beyond what the specification asks. */
export interface PushRules {
  /** Which URLs the layers of images may name; `undefined` for any. */
  readonly urls: UrlRules | undefined
  /** Which manifests that an index names must be here. */
  readonly indexPlatforms: 'all' | 'none' | readonly Platform[]
  /** Kinds of content, `image` or `plugin`; empty for any. */
  readonly classes: readonly string[]
}

/** A URL must match one of `allow`, where there are any, and none of `deny`. */
export interface UrlRules {
  readonly allow: readonly RegExp[]
  readonly deny: readonly RegExp[]
}

export const noRules: PushRules = { urls: undefined, indexPlatforms: 'all', classes: [] }

/**
 * @throws OciError `DENIED` for a class of content, `MANIFEST_INVALID` for a URL.
 * @see Distribution registry/handlers/manifests.go, applyResourcePolicy; registry/storage/ocimanifesthandler.go
 */
export function refuseForbidden(rules: PushRules, parsed: ParsedManifest): void {
  refuseClass(rules.classes, parsed)
  if (rules.urls) refuseUrls(rules.urls, [...parsed.layers, ...parsed.foreignLayers])
}

/** The manifests of an index that must be here before it. */
export function neededChildren({ indexPlatforms }: PushRules, { children }: ParsedManifest): readonly Descriptor[] {
  if (indexPlatforms === 'all') return children
  if (indexPlatforms === 'none') return []
  return children.filter(({ platform }) => indexPlatforms.some(({ os, architecture }) => os === platform?.os && architecture === platform.architecture))
}

/** By the media type of a manifest's config. */
const CLASSES: ReadonlyMap<string, string> = new Map([
  ['application/vnd.docker.container.image.v1+json', 'image'],
  ['application/vnd.oci.image.config.v1+json', 'image'],
  ['application/vnd.docker.plugin.v1+json', 'plugin'],
])

function refuseClass(classes: readonly string[], { mediaType, config }: ParsedManifest): void {
  if (classes.length === 0 || isIndexType(mediaType)) return
  const found = CLASSES.get(config?.mediaType ?? '')
  if (!found)
    throw new OciError('DENIED', { reason: `policy.repository.classes is set, and this is of no known class: ${config?.mediaType.slice(0, 200) ?? mediaType}` })
  if (!classes.includes(found)) throw new OciError('DENIED', { reason: `policy.repository.classes does not have ${found}` })
}

const PATTERNS_LIMIT_MS = 200 // for all URLs of a manifest; a pattern may take a time that doubles with each character

function refuseUrls(rules: UrlRules, layers: readonly Descriptor[]): void {
  const urls = layers.filter(({ mediaType }) => isImageLayer(mediaType)).flatMap((layer) => layer.urls ?? [])
  if (urls.length === 0) return
  const forbidden = withinLimit(() => urls.find((url) => !isAllowed(rules, url)))
  if (forbidden === undefined) return
  const reason = `a layer names ${forbidden.slice(0, 200)}, which validation.manifests.urls does not allow`
  throw new OciError('MANIFEST_INVALID', { reason })
}

function isAllowed({ allow, deny }: UrlRules, text: string): boolean {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.hash) return false
  return (allow.length === 0 || allow.some((pattern) => pattern.test(text))) && !deny.some((pattern) => pattern.test(text))
}

/** @throws OciError `MANIFEST_INVALID` when the patterns take too long: nobody else is served meanwhile. */
function withinLimit<T>(work: () => T): T {
  try {
    return runInNewContext('work()', { work }, { timeout: PATTERNS_LIMIT_MS }) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    throw new OciError('MANIFEST_INVALID', { reason: 'comparing the urls with the patterns of validation.manifests.urls takes too long' })
  }
}
