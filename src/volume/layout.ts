import { type Digest, type DigestAlgorithm, digestAlgorithm, digestHex } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'

/**
 * Every path on a volume: Distribution's layout below `docker/registry/v2`, ours below `lacre`.
 *
 * @see Distribution registry/storage/paths.go, the same in 2.8 and 3.x
 */
export const V2 = 'docker/registry/v2'
export const BLOBS = `${V2}/blobs`
export const REPOSITORIES = `${V2}/repositories`
const OURS = 'lacre'
export const STAGING = `${OURS}/tmp`
export const TRASH = `${OURS}/trash`
export const STATE = `${OURS}/state`
export const CACHE = `${OURS}/cache`

export const blobFolder = (digest: Digest): string => `${BLOBS}/${digestAlgorithm(digest)}/${digestHex(digest).slice(0, 2)}/${digestHex(digest)}`
export const blobData = (digest: Digest): string => `${blobFolder(digest)}/data`

export const repositoryFolder = (name: RepositoryName): string => `${REPOSITORIES}/${name}`

export const layersFolder = (name: RepositoryName, algorithm: DigestAlgorithm): string => `${repositoryFolder(name)}/_layers/${algorithm}`
export const layerLink = (name: RepositoryName, digest: Digest): string => `${layersFolder(name, digestAlgorithm(digest))}/${digestHex(digest)}/link`

export const manifestsFolder = (name: RepositoryName): string => `${repositoryFolder(name)}/_manifests`
export const revisionsFolder = (name: RepositoryName, algorithm: DigestAlgorithm): string => `${manifestsFolder(name)}/revisions/${algorithm}`
export const revisionLink = (name: RepositoryName, digest: Digest): string => `${revisionsFolder(name, digestAlgorithm(digest))}/${digestHex(digest)}/link`

export const tagsFolder = (name: RepositoryName): string => `${manifestsFolder(name)}/tags`
export const tagFolder = (name: RepositoryName, tag: Tag): string => `${tagsFolder(name)}/${tag}`
export const tagCurrentLink = (name: RepositoryName, tag: Tag): string => `${tagFolder(name, tag)}/current/link`
export const tagHistoryFolder = (name: RepositoryName, tag: Tag, algorithm: DigestAlgorithm): string => `${tagFolder(name, tag)}/index/${algorithm}`
export const tagHistoryLink = (name: RepositoryName, tag: Tag, digest: Digest): string => `${tagFolder(name, tag)}/${historyLinkBelow(digest)}`

/** A history link's path below its tag's folder, for a folder that is made ready elsewhere. */
export const historyLinkBelow = (digest: Digest): string => `index/${digestAlgorithm(digest)}/${digestHex(digest)}/link`
export const CURRENT_LINK_BELOW = 'current/link'

export const uploadsFolder = (name: RepositoryName): string => `${repositoryFolder(name)}/_uploads`
export const uploadFolder = (name: RepositoryName, id: string): string => `${uploadsFolder(name)}/${id}`
export const uploadData = (name: RepositoryName, id: string): string => `${uploadFolder(name, id)}/data`
export const uploadStartedAt = (name: RepositoryName, id: string): string => `${uploadFolder(name, id)}/startedat`

/** The folder a path is in. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))
