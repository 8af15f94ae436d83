import type { Endpoint } from '../router.ts'
import { ping } from './base.ts'
import { deleteBlob, getBlob } from './blobs.ts'
import { listCatalog } from './catalog.ts'
import { deleteManifest, getManifest, putManifest } from './manifests.ts'
import { listReferrers } from './referrers.ts'
import { listTags } from './tags.ts'
import { appendToUpload, cancelUpload, finishUpload, getUpload, startUpload } from './uploads.ts'

/**
 * The whole registry API. HEAD is GET without its body. A path of blob uploads stands before that of blobs, which it would match.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
 */
export const endpoints = [
  { id: 'end-1', method: 'GET', path: '/v2/', action: 'ping', handler: ping },
  { id: 'catalog', method: 'GET', path: '/v2/_catalog', action: 'catalog', handler: listCatalog },
  { id: 'end-4', method: 'POST', path: '/v2/<name>/blobs/uploads/', action: 'push', handler: startUpload },
  { id: 'end-13', method: 'GET', path: '/v2/<name>/blobs/uploads/<session>', action: 'push', handler: getUpload },
  { id: 'end-5', method: 'PATCH', path: '/v2/<name>/blobs/uploads/<session>', action: 'push', handler: appendToUpload },
  { id: 'end-6', method: 'PUT', path: '/v2/<name>/blobs/uploads/<session>', action: 'push', handler: finishUpload },
  { id: 'end-14', method: 'DELETE', path: '/v2/<name>/blobs/uploads/<session>', action: 'push', handler: cancelUpload },
  { id: 'end-2', method: 'GET', path: '/v2/<name>/blobs/<digest>', action: 'pull', handler: getBlob },
  { id: 'end-10', method: 'DELETE', path: '/v2/<name>/blobs/<digest>', action: 'delete', handler: deleteBlob },
  { id: 'end-3', method: 'GET', path: '/v2/<name>/manifests/<reference>', action: 'pull', handler: getManifest },
  { id: 'end-7', method: 'PUT', path: '/v2/<name>/manifests/<reference>', action: 'push', handler: putManifest },
  { id: 'end-9', method: 'DELETE', path: '/v2/<name>/manifests/<reference>', action: 'delete', handler: deleteManifest },
  { id: 'end-8', method: 'GET', path: '/v2/<name>/tags/list', action: 'pull', handler: listTags },
  { id: 'end-12', method: 'GET', path: '/v2/<name>/referrers/<digest>', action: 'pull', handler: listReferrers },
] as const satisfies readonly Endpoint[]
