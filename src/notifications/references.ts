/** What a manifest names, as an event shows it: Distribution 2.8's descriptor, so without `platform`. */
export interface ReferenceRecord {
  readonly mediaType?: string
  readonly size?: number
  readonly digest: string
  readonly urls?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
}

interface Fields {
  readonly [key: string]: unknown
}

/** Config, layers (or an artifact's blobs) and children of a stored manifest, in this order. */
export function readReferences(bytes: Buffer): ReferenceRecord[] {
  const { config, layers, blobs, manifests } = JSON.parse(bytes.toString()) as Fields
  return [config, layers, blobs, manifests].flat().filter(isFields).map(readReference)
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

function readReference({ mediaType, size, digest, urls, annotations }: Fields): ReferenceRecord {
  return {
    ...(typeof mediaType === 'string' && mediaType !== '' && { mediaType }),
    ...(typeof size === 'number' && size > 0 && { size }),
    digest: String(digest),
    ...(Array.isArray(urls) && urls.length > 0 && { urls: urls.map(String) }),
    ...(isFields(annotations) && Object.keys(annotations).length > 0 && { annotations: sortKeys(annotations) }),
  }
}

/** Go writes maps in the order of their keys' bytes. */
function sortKeys(annotations: Fields): Record<string, string> {
  const entries = Object.entries(annotations).map(([key, value]): [string, string] => [key, String(value)])
  return Object.fromEntries(entries.sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other))))
}
