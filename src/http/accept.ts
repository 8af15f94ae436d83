import { OciError } from '../oci/error.ts'
import { mediaTypes } from '../oci/media-type.ts'

/** Whether a client takes a media type. Without `Accept`, and with a wildcard in it, everything. */
export type Accepts = (mediaType: string) => boolean

export function parseAccept(header: string | undefined): Accepts {
  const types = new Set((header ?? '*/*').split(',').map((item) => item.split(';', 1)[0]?.trim().toLowerCase() ?? ''))
  const takesAll = types.has('*/*') || types.has('application/*') || (types.size === 1 && types.has(''))
  return (mediaType) => takesAll || types.has(mediaType)
}

const REFUSALS: Readonly<Record<string, string>> = {
  [mediaTypes.ociManifest]: 'OCI manifest found, but accept header does not support OCI manifests',
  [mediaTypes.ociIndex]: 'OCI index found, but accept header does not support OCI indexes',
}

/**
 * Refuses what an old client could not read, in Distribution's words; other types are served whatever the client accepts.
 *
 * @throws OciError `MANIFEST_UNKNOWN`
 * @see Distribution registry/handlers/manifests.go, GetManifest
 */
export function refuseUnaccepted(accepts: Accepts, mediaType: string): void {
  const refusal = REFUSALS[mediaType]
  if (!refusal || accepts(mediaType)) return
  const error = new OciError('MANIFEST_UNKNOWN')
  error.message = refusal
  throw error
}
