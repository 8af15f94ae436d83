import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../oci/digest.ts'
import { type ParsedManifest, parseManifest } from '../oci/manifest.ts'
import { neededChildren, noRules, type PushRules, refuseForbidden } from './push-rules.ts'

const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'

const descriptor = (mediaType: string, more: object = {}) => ({ mediaType, digest: digestOf(mediaType), size: 1, ...more })

function image(config: string, layers: readonly object[] = []): ParsedManifest {
  const value = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: descriptor(config), layers }
  return parseManifest(Buffer.from(JSON.stringify(value)))
}

const withUrls = (mediaType: string, ...urls: readonly string[]) => image(CONFIG, [descriptor(mediaType, { urls })])
const urls = (allow: readonly RegExp[], deny: readonly RegExp[] = []): PushRules => ({ ...noRules, urls: { allow, deny } })
const EXAMPLE = 'https://example.com/layer'

for (const [what, rules, manifest] of [
  ['no URLs', urls([/^never$/]), image(CONFIG, [descriptor(LAYER)])],
  ['URLs where nothing is checked', noRules, withUrls(LAYER, EXAMPLE)],
  ['a URL that allow matches', urls([/^https:\/\/example\.com\//]), withUrls(FOREIGN, EXAMPLE)],
  ['a URL that deny does not match', urls([], [/^http:/]), withUrls(LAYER, EXAMPLE)],
  ['URLs of what is no layer of an image', urls([/^never$/]), withUrls('application/x-model', EXAMPLE)],
  ['an image where images are allowed', { ...noRules, classes: ['image'] }, image(CONFIG)],
  ['a plugin where plugins are allowed', { ...noRules, classes: ['image', 'plugin'] }, image('application/vnd.docker.plugin.v1+json')],
] as const) {
  test(`the rules allow ${what}`, () => refuseForbidden(rules, manifest))
}

for (const [what, code, rules, manifest] of [
  ['a URL that allow does not match', 'MANIFEST_INVALID', urls([/^https:\/\/other\./]), withUrls(LAYER, EXAMPLE)],
  ['a second URL that allow does not match', 'MANIFEST_INVALID', urls([/example/]), withUrls(LAYER, EXAMPLE, 'https://other.test/')],
  ['a URL that deny matches', 'MANIFEST_INVALID', urls([/./], [/example/]), withUrls(LAYER, EXAMPLE)],
  ['another scheme', 'MANIFEST_INVALID', urls([/./]), withUrls(LAYER, 'file:///etc/passwd')],
  ['a fragment', 'MANIFEST_INVALID', urls([/./]), withUrls(LAYER, `${EXAMPLE}#x`)],
  ['what is no URL', 'MANIFEST_INVALID', urls([/./]), withUrls(LAYER, 'x')],
  ['a URL that takes a pattern for ever', 'MANIFEST_INVALID', urls([/^https:\/\/(a+)+$/]), withUrls(LAYER, `https://${'a'.repeat(60)}!`)],
  ['an image where plugins are allowed', 'DENIED', { ...noRules, classes: ['plugin'] }, image(CONFIG)],
  ['an artifact where images are allowed', 'DENIED', { ...noRules, classes: ['image'] }, image('application/x-model')],
] as const) {
  test(`the rules refuse ${what}`, () => assert.throws(() => refuseForbidden(rules, manifest), { code }))
}

test('an index needs the manifests of the platforms that the rules name', () => {
  const child = (os: string, architecture: string) => ({ mediaType: 'x/y', digest: digestOf(os + architecture), size: 1, platform: { os, architecture } })
  const manifests = [child('linux', 'amd64'), child('linux', 'arm64'), descriptor('x/z')]
  const index = parseManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests })))
  const needed = (indexPlatforms: PushRules['indexPlatforms']) => neededChildren({ ...noRules, indexPlatforms }, index).length
  assert.deepEqual(
    [needed('all'), needed('none'), needed([{ os: 'linux', architecture: 'arm64' }]), needed([{ os: 'windows', architecture: 'amd64' }])],
    [3, 0, 1, 0],
  )
})
