import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OciError } from './error.ts'
import { parseManifest } from './manifest.ts'
import { bareMediaType, isNonDistributable, mediaTypes } from './media-type.ts'

const DIGEST = `sha256:${'1'.repeat(64)}`
const descriptor = (mediaType: string, size = 3, digest = DIGEST): object => ({ mediaType, digest, size })
const config = descriptor('application/vnd.oci.image.config.v1+json')
const layer = descriptor('application/vnd.oci.image.layer.v1.tar+gzip')
const image = { schemaVersion: 2, config, layers: [layer] }
const index = { schemaVersion: 2, manifests: [descriptor(mediaTypes.ociManifest)] }

const parse = (value: unknown, contentType?: string) => parseManifest(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), contentType)

function refuses(value: unknown, reason: RegExp, contentType?: string): void {
  assert.throws(
    () => parse(value, contentType),
    (error) =>
      error instanceof OciError && error.code === 'MANIFEST_INVALID' && error.status === 400 && reason.test((error.detail as { reason: string }).reason),
  )
}

for (const [value, mediaType, why] of [
  [{ ...image, mediaType: mediaTypes.ociManifest }, mediaTypes.ociManifest, 'an OCI image manifest'],
  [{ ...index, mediaType: mediaTypes.ociIndex }, mediaTypes.ociIndex, 'an OCI index'],
  [{ ...image, mediaType: mediaTypes.dockerManifest }, mediaTypes.dockerManifest, 'a Docker manifest'],
  [{ ...index, mediaType: mediaTypes.dockerManifestList }, mediaTypes.dockerManifestList, 'a Docker manifest list'],
  [image, mediaTypes.ociManifest, 'an image manifest that does not say so'],
  [index, mediaTypes.ociIndex, 'an index that does not say so'],
  [{ ...image, mediaType: '' }, mediaTypes.ociManifest, 'an image manifest with an empty mediaType'],
  [{ ...index, manifests: [] }, mediaTypes.ociIndex, 'an index of nothing'],
  [{ mediaType: 'application/vnd.example+json', anything: [1] }, 'application/vnd.example+json', 'an artifact of any type'],
] as const) {
  test(`${why} is read from its bytes alone, and with its own Content-Type`, () => {
    assert.equal(parse(value).mediaType, mediaType)
    assert.equal(parse(value, mediaType).mediaType, mediaType)
  })
  test(`${why} under another Content-Type is refused`, () => refuses(value, /Content-Type/, 'application/vnd.other+json'))
}

for (const [value, reason, why] of [
  ['', /JSON/, 'nothing'],
  ['[]', /object/, 'a list'],
  ['null', /object/, 'null'],
  ['"text"', /object/, 'a text'],
  ['{}', /structure/, 'no mediaType and no structure'],
  [{ ...image, ...index }, /structure/, 'config, layers and manifests without a mediaType (CVE-2021-41190)'],
  [{ ...image, ...index, mediaType: mediaTypes.ociManifest }, /no manifests/, 'an image with manifests (CVE-2021-41190)'],
  [{ ...image, ...index, mediaType: mediaTypes.ociIndex }, /no config/, 'an index with layers (CVE-2021-41190)'],
  [{ ...image, mediaType: mediaTypes.ociIndex }, /no config/, 'an image that says it is an index'],
  [{ ...index, mediaType: mediaTypes.dockerManifest }, /no manifests/, 'an index that says it is an image'],
  [{ ...image, config: undefined, mediaType: mediaTypes.ociManifest }, /needs its config/, 'an image without config'],
  [{ schemaVersion: 2, mediaType: mediaTypes.ociIndex }, /needs its list/, 'an index without manifests'],
  [{ ...image, mediaType: 5 }, /mediaType is not a string/, 'a mediaType that is a number'],
  [{ mediaType: 'application/x\r\nSet-Cookie: a' }, /not a media type/, 'a mediaType that would break a header'],
  [{ mediaType: 'text' }, /not a media type/, 'a mediaType without a slash'],
  [{ mediaType: 'application/ä' }, /not a media type/, 'a mediaType beyond ASCII'],
  [{ ...image, Layers: [] }, /Layers/, 'a second list of layers for readers that do not mind case'],
  [{ ...image, layerſ: [] }, /layerſ/, 'a second list of layers for readers that fold letters'],
  [{ ...image, mediaType: mediaTypes.ociManifest, schemaVersion: 3 }, /schemaVersion/, 'a schema of the future'],
  [{ ...image, schemaVersion: undefined }, /schemaVersion/, 'no schemaVersion'],
  [{ ...image, schemaVersion: '2' }, /schemaVersion/, 'a schemaVersion in quotes'],
  [{ schemaVersion: 1, name: 'a', tag: 'b', fsLayers: [], history: [], signatures: [] }, /schema 1/, 'Docker schema 1'],
  [{ mediaType: mediaTypes.dockerSchema1Signed, schemaVersion: 1 }, /schema 1/, 'signed Docker schema 1'],
  [{ ...image, mediaType: mediaTypes.dockerSchema1 }, /schema 1/, 'an image that says it is schema 1'],
  [{ ...image, layers: {} }, /layers is not a list/, 'layers that are no list'],
  [{ ...image, layers: [null] }, /layers\[0\] is not a descriptor/, 'a layer that is null'],
  [{ ...image, layers: [{ ...layer, digest: 'sha256:1' }] }, /layers\[0\]\.digest/, 'a layer with a bad digest'],
  [{ ...image, layers: [{ ...layer, digest: '../../../etc/passwd' }] }, /layers\[0\]\.digest/, 'a layer whose digest is a path'],
  [{ ...image, layers: [layer, { ...layer, size: -1 }] }, /layers\[1\]\.size/, 'a layer of negative size'],
  [{ ...image, layers: [{ ...layer, size: 1.5 }] }, /size/, 'a layer of half a byte'],
  [{ ...image, layers: [{ ...layer, size: 2 ** 60 }] }, /size/, 'a layer beyond what a number can count'],
  [{ ...image, config: [] }, /config/, 'a config that is a list'],
  [{ ...image, subject: 'text' }, /subject is not a descriptor/, 'a subject that is a text'],
  [{ ...image, artifactType: 1 }, /artifactType/, 'an artifactType that is a number'],
  [{ ...image, annotations: { a: 1 } }, /annotations/, 'an annotation that is a number'],
  [{ ...index, manifests: [{ digest: DIGEST }] }, /manifests\[0\]\.size/, 'a child without size'],
  ['{"schemaVersion":2,"config":{},"config":{}}', /twice/, 'a key twice'],
  [`{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, /nested/, '10,000 nested lists'],
] as const) {
  test(`a manifest is refused for ${why}`, () => refuses(value, reason))
}

test('what a manifest names is told apart: config, layers, layers elsewhere, children, subject', () => {
  const foreign = descriptor('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')
  const subject = descriptor(mediaTypes.ociManifest, 7, `sha512:${'a'.repeat(128)}`)
  const parsed = parse({ ...image, layers: [layer, foreign], subject, annotations: { a: 'b' } })
  assert.deepEqual([parsed.config, parsed.layers, parsed.foreignLayers, parsed.children], [config, [layer], [foreign], []])
  assert.deepEqual([parsed.subject, parsed.annotations], [subject, { a: 'b' }])
  assert.deepEqual(parse(index).children, index.manifests)
  assert.deepEqual(parse({ mediaType: 'application/vnd.oci.artifact.manifest.v1+json', blobs: [layer] }).layers, [layer])
})

test('the artifact type is the manifest’s own, else that of its config', () => {
  assert.equal(parse({ ...image, artifactType: 'application/vnd.example' }).artifactType, 'application/vnd.example')
  assert.equal(parse(image).artifactType, 'application/vnd.oci.image.config.v1+json')
  assert.equal(parse(index).artifactType, undefined)
})

test('a manifest means the same in any order of its keys and with any space', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray(Object.entries({ ...image, mediaType: mediaTypes.ociManifest }), { minLength: 4 }),
      fc.constantFrom(undefined, 1, '\t'),
      (entries, space) => {
        assert.deepEqual(parse(JSON.stringify(Object.fromEntries(entries), null, space)), parse({ ...image, mediaType: mediaTypes.ociManifest }))
      },
    ),
  )
})

test('any JSON is a manifest or MANIFEST_INVALID, never another error', () => {
  const keys = fc.constantFrom(
    'schemaVersion',
    'mediaType',
    'config',
    'layers',
    'manifests',
    'blobs',
    'subject',
    'annotations',
    'artifactType',
    'digest',
    'size',
  )
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(1, 2, null, '', DIGEST, ...Object.values(mediaTypes)),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(keys, tie('node')),
    ),
  })).node
  fc.assert(
    fc.property(value, (json) => {
      try {
        parse(json)
      } catch (error) {
        assert.ok(error instanceof OciError && error.code === 'MANIFEST_INVALID', String(error))
      }
    }),
    { numRuns: 2000 },
  )
})

for (const [header, bare] of [
  ['application/json; charset=utf-8', 'application/json'],
  [' Application/JSON ', 'application/json'],
  [';', undefined],
  ['', undefined],
  [undefined, undefined],
] as const) {
  test(`the bare media type of ${JSON.stringify(header)} is ${bare}`, () => assert.equal(bareMediaType(header), bare))
}

test('layers that may stay elsewhere are known by their media type', () => {
  for (const type of ['application/vnd.oci.image.layer.nondistributable.v1.tar', 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'])
    assert.ok(isNonDistributable(type))
  for (const type of ['application/vnd.oci.image.layer.v1.tar', '', 'x application/vnd.oci.image.layer.nondistributable.v1.tar'])
    assert.ok(!isNonDistributable(type))
})
