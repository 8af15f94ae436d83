import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mediaTypes } from '../oci/media-type.ts'
import { parseAccept, refuseUnaccepted } from './accept.ts'

for (const [header, expected] of [
  [undefined, true],
  ['', true],
  ['*/*', true],
  ['text/html, */*;q=0.1', true],
  ['application/*', true],
  [mediaTypes.ociManifest, true],
  [`text/html,${mediaTypes.ociManifest.toUpperCase()} ; q=0.3`, true],
  ['text/html', false],
  [mediaTypes.ociIndex, false],
] as const) {
  test(`Accept ${header} ${expected ? 'takes' : 'does not take'} an OCI manifest`, () => assert.equal(parseAccept(header)(mediaTypes.ociManifest), expected))
}

test('only OCI types are refused to those who do not know them', () => {
  const accepts = parseAccept('text/html')
  assert.throws(() => refuseUnaccepted(accepts, mediaTypes.ociIndex), { code: 'MANIFEST_UNKNOWN', message: /OCI index found/ })
  for (const mediaType of [mediaTypes.dockerManifest, mediaTypes.dockerManifestList, 'application/vnd.test+json']) refuseUnaccepted(accepts, mediaType)
})
