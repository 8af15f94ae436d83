import { type Digest, findDigest } from './digest.ts'
import { OciError } from './error.ts'
import { isImageType, isIndexType, isNonDistributable, isSchema1Type, mediaTypes } from './media-type.ts'
import { parseStrictJson } from './strict-json.ts'

export const MANIFEST_LIMIT = 4 * 1024 * 1024 // distribution-spec v1.1.1, Pushing Manifests: SHOULD support at least 4 megabytes

/** What a manifest says of a blob or of another manifest; image-spec v1.1.1, descriptor.md. Sizes in bytes, as stated. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  /** Other places that the content may be fetched from, if any are named. */
  readonly urls?: readonly string[]
  /** What an index's manifest runs on, if that is said. */
  readonly platform?: Platform
}

export interface Platform {
  readonly os: string
  readonly architecture: string
}

/** A manifest's meaning, read from its bytes alone. The bytes themselves are what is stored and served. */
export interface ParsedManifest {
  readonly mediaType: string
  readonly artifactType: string | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
  /** Absent in indexes. */
  readonly config: Descriptor | undefined
  /** Layers (or an artifact manifest's blobs), those that may stay elsewhere excluded. */
  readonly layers: readonly Descriptor[]
  /** Layers that need not be on this volume: non-distributable ones. */
  readonly foreignLayers: readonly Descriptor[]
  /** An index's manifests. */
  readonly children: readonly Descriptor[]
  /** The manifest this one refers to; it need not exist. */
  readonly subject: Descriptor | undefined
}

/**
 * Reads a manifest: OCI image manifest and index, Docker schema 2 and manifest list, or any JSON that names its own
 * `mediaType`. Without that field the structure decides (`manifests`: an OCI index; `config` and `layers`: an OCI manifest).
 *
 * @param contentType the bare media type the client sent, if any; it must not contradict the bytes.
 * @throws OciError `MANIFEST_INVALID` with a sentence in `detail`.
 */
export function parseManifest(bytes: Uint8Array, contentType?: string): ParsedManifest {
  const fields = readObject(bytes)
  const mediaType = findMediaType(fields, contentType)
  if (contentType && contentType !== mediaType.toLowerCase())
    invalid(`the Content-Type is ${contentType.slice(0, 200)} but the manifest is ${mediaType.slice(0, 200)}`)
  checkStructure(fields, mediaType)
  const blobs = [...descriptors(fields, 'layers'), ...descriptors(fields, 'blobs')]
  return {
    mediaType,
    config: descriptor(fields, 'config'),
    layers: blobs.filter((layer) => !isNonDistributable(layer.mediaType)),
    foreignLayers: blobs.filter((layer) => isNonDistributable(layer.mediaType)),
    children: descriptors(fields, 'manifests'),
    subject: descriptor(fields, 'subject'),
    artifactType: artifactTypeOf(fields),
    annotations: annotationsOf(fields),
  }
}

type Fields = Readonly<Record<string, unknown>>

function invalid(reason: string): never {
  throw new OciError('MANIFEST_INVALID', { reason })
}

const MEDIA_TYPE = /^[a-z0-9][\w!#$&^.+-]{0,126}\/[a-z0-9][\w!#$&^.+-]{0,126}$/i // RFC 6838 4.2; it becomes a header

const FIELD_NAMES = new Set(['schemaVersion', 'mediaType', 'artifactType', 'config', 'layers', 'blobs', 'manifests', 'subject', 'annotations'])
const fold = (key: string): string => key.toUpperCase().toLowerCase() // Go's encoding/json matches keys without regard to case
const FOLDED_FIELD_NAMES = new Set(Array.from(FIELD_NAMES, fold))

function readObject(bytes: Uint8Array): Fields {
  try {
    const value = parseStrictJson(bytes)
    if (isFields(value)) return value
  } catch (cause) {
    throw new OciError('MANIFEST_INVALID', { reason: (cause as Error).message }, { cause })
  }
  return invalid('a manifest is a JSON object')
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function findMediaType(fields: Fields, contentType: string | undefined): string {
  const stated = fields['mediaType']
  if (fields['schemaVersion'] === 1 || isSchema1Type(contentType ?? '') || isSchema1Type(String(stated)))
    invalid('Docker schema 1 is not supported: push with a client from 2016 or later, which sends schema 2 or OCI')
  if (typeof stated === 'string' && stated !== '') return MEDIA_TYPE.test(stated) ? stated : invalid('mediaType is not a media type')
  if (stated !== undefined && stated !== '') invalid('mediaType is not a string')
  const isIndex = fields['manifests'] !== undefined
  const isImage = fields['config'] !== undefined || fields['layers'] !== undefined
  if (isIndex === isImage) invalid('no mediaType, and the structure does not tell an image manifest from an index')
  return isIndex ? mediaTypes.ociIndex : mediaTypes.ociManifest
}

/** An index has no layers and an image no manifests: two readers must not see two things (CVE-2021-41190). */
function checkStructure(fields: Fields, mediaType: string): void {
  const lookalike = Object.keys(fields).find((key) => !FIELD_NAMES.has(key) && FOLDED_FIELD_NAMES.has(fold(key)))
  if (lookalike) invalid(`the key ${lookalike} differs from a manifest's own only by case, and some readers take it for that`)
  if (isIndexType(mediaType) && (fields['config'] !== undefined || fields['layers'] !== undefined)) invalid('an index has no config and no layers')
  if (isImageType(mediaType) && fields['manifests'] !== undefined) invalid('an image manifest has no manifests')
  if (isIndexType(mediaType) && !Array.isArray(fields['manifests'])) invalid('an index needs its list of manifests')
  if (isImageType(mediaType) && !isFields(fields['config'])) invalid('an image manifest needs its config')
  if ((isIndexType(mediaType) || isImageType(mediaType)) && fields['schemaVersion'] !== 2) invalid('schemaVersion must be 2')
}

function descriptors(fields: Fields, key: string): Descriptor[] {
  const list = fields[key]
  if (list === undefined || list === null) return []
  if (!Array.isArray(list)) return invalid(`${key} is not a list`)
  return list.map((item, index) => readDescriptor(item, `${key}[${index}]`))
}

function descriptor(fields: Fields, key: string): Descriptor | undefined {
  const value = fields[key]
  return value === undefined || value === null ? undefined : readDescriptor(value, key)
}

function readDescriptor(value: unknown, where: string): Descriptor {
  if (!isFields(value)) return invalid(`${where} is not a descriptor`)
  const { mediaType = '', digest, size } = value
  if (typeof mediaType !== 'string') return invalid(`${where}.mediaType is not a string`)
  const parsed = typeof digest === 'string' ? findDigest(digest) : undefined
  if (!parsed) return invalid(`${where}.digest is not a sha256 or sha512 digest`)
  if (!Number.isSafeInteger(size) || (size as number) < 0) return invalid(`${where}.size is not a size`)
  return { mediaType, digest: parsed, size: size as number, ...urlsOf(value), ...platformOf(value) }
}

function urlsOf({ urls }: Fields): Pick<Descriptor, 'urls'> {
  const texts = Array.isArray(urls) ? urls.filter((url) => typeof url === 'string') : []
  return texts.length > 0 ? { urls: texts } : {}
}

function platformOf({ platform }: Fields): Pick<Descriptor, 'platform'> {
  if (!isFields(platform)) return {}
  const { os, architecture } = platform
  return typeof os === 'string' && typeof architecture === 'string' ? { platform: { os, architecture } } : {}
}

/** As the referrers API shows it: the manifest's own, else its config's media type; distribution-spec v1.1.1, Listing Referrers. */
function artifactTypeOf(fields: Fields): string | undefined {
  const { artifactType, config } = fields
  if (artifactType !== undefined && typeof artifactType !== 'string') invalid('artifactType is not a string')
  if (artifactType) return artifactType as string
  const configType = isFields(config) ? config['mediaType'] : undefined
  return typeof configType === 'string' && configType ? configType : undefined
}

function annotationsOf(fields: Fields): Record<string, string> | undefined {
  const { annotations } = fields
  if (annotations === undefined || annotations === null) return undefined
  if (!isFields(annotations) || !Object.values(annotations).every((value) => typeof value === 'string')) return invalid('annotations are not a map of strings')
  return annotations as Record<string, string>
}
