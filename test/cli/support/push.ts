import assert from 'node:assert/strict'
import { digestOf } from '../../../src/oci/digest.ts'
import type { Client } from '../../support/http-client.ts'
import type { Image } from '../../support/images.ts'

/** Pushes an image over HTTP as a client does. */
export async function pushTo(client: Client, repository: string, image: Image, ...tags: readonly string[]): Promise<void> {
  for (const body of image.blobs) {
    const { status } = await client.send('POST', `/v2/${repository}/blobs/uploads/?digest=${digestOf(body)}`, { body })
    assert.equal(status, 201)
  }
  for (const tag of tags) {
    const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }
    assert.equal((await client.send('PUT', `/v2/${repository}/manifests/${tag}`, { body: image.manifest, headers })).status, 201)
  }
}
