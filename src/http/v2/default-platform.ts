import { type Digest, findDigest } from '../../oci/digest.ts'
import { OciError } from '../../oci/error.ts'

interface PlatformEntry {
  readonly digest?: unknown
  readonly platform?: { readonly os?: unknown; readonly architecture?: unknown }
}

/**
 * The child of a stored manifest list that stands for it where lists are not understood.
 *
 * @throws OciError `MANIFEST_UNKNOWN` if it has none for linux/amd64.
 * @see Distribution registry/handlers/manifests.go, defaultArch and defaultOS
 */
export function defaultPlatformDigest(bytes: Buffer): Digest {
  const { manifests = [] } = JSON.parse(bytes.toString()) as { manifests?: readonly PlatformEntry[] }
  const entry = manifests.find(({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64')
  const digest = findDigest(String(entry?.digest))
  if (!digest) throw new OciError('MANIFEST_UNKNOWN', { reason: 'the manifest list has no manifest for linux/amd64' })
  return digest
}
