import assert from 'node:assert/strict'
import { digestOf } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { Target } from '../network/support/target.ts'
import { imageOf } from '../support/images.ts'
import { type Dice, mutate, nasty } from './dice.ts'
import type { FuzzTarget } from './fuzz-target.ts'
import { endServer, verifyServer } from './server-target.ts'

const image = imageOf('the image that must be served') // whose blobs are there
const whole = JSON.parse(image.manifest.toString()) as { config: object; layers: object[] }
const child = { mediaType: mediaTypes.ociManifest, digest: image.digest, size: image.manifest.length }
const unknown = { ...child, digest: digestOf('nobody has pushed this') }

const seeds: readonly object[] = [
  whole,
  { ...whole, subject: child, artifactType: 'application/x-signature', annotations: { a: 'b' } },
  { ...whole, subject: unknown },
  { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [{ ...child, platform: { os: 'linux', architecture: 'amd64' } }] },
  { schemaVersion: 2, mediaType: mediaTypes.dockerManifestList, manifests: [child] },
  { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [], subject: child },
  { schemaVersion: 2, config: whole.config, layers: whole.layers },
  { mediaType: 'application/vnd.oci.artifact.manifest.v1+json', blobs: whole.layers, subject: child },
  { mediaType: 'application/x-own', anything: [1, { b: null }] },
  { schemaVersion: 1, name: 'app', tag: '1', fsLayers: [] },
]

const VALUES: readonly ((dice: Dice) => string)[] = [
  () => 'null', () => 'true', () => '[]', () => '{}', () => '0', () => '-1', () => '1.5', () => '1e400', () => '-0', () => '9007199254740993', () => '1'.repeat(400),
  (dice) => JSON.stringify(nasty(dice)),
  () => '"\\ud800"', () => '"\\u0000"',
  (dice) => JSON.stringify('x'.repeat(dice.below(100_000))),
  (dice) => '['.repeat(1 + dice.below(5000)),
  (dice) => nest(dice, '[', ']'),
  (dice) => nest(dice, '{"a":', '}'),
  (dice) => JSON.stringify(Array.from({ length: dice.below(2000) }, () => child)),
  () => JSON.stringify(child), () => JSON.stringify(unknown),
] // biome-ignore format: a table

const KEYS = [
  'schemaVersion',
  'mediaType',
  'config',
  'layers',
  'manifests',
  'subject',
  'blobs',
  'annotations',
  'artifactType',
  'digest',
  'size',
  'urls',
  'platform',
  '__proto__',
  'constructor',
  'MediaType',
  'mediatype',
  'ſize',
  'Digest',
  '',
]

function nest(dice: Dice, open: string, close: string): string {
  const depth = 1 + dice.below(200)
  return `${open.repeat(depth)}1${close.repeat(depth)}`
}

/** Manifests through PUT, and back. */
export async function openManifestTarget(): Promise<FuzzTarget> {
  const target = await Target.start()
  return {
    concurrency: 4,
    async try(dice) {
      const bytes = makeManifest(dice)
      const type = dice.once(3) ? dice.pick(Object.values(mediaTypes)) : findType(bytes)
      const reference = dice.once(2) ? `t${dice.below(50)}` : digestOf(bytes)
      const { status, body } = await target.ask('PUT', `/v2/app/manifests/${reference}`, bytes, type === undefined ? {} : { 'content-type': type })
      assert.ok([201, 400, 404, 413, 431].includes(status), `${status} ${body.toString().slice(0, 300)}`)
      if (status !== 201) return
      const pulled = await target.ask('GET', `/v2/app/manifests/${digestOf(bytes)}`)
      assert.ok(pulled.status === 200 && pulled.body.equals(bytes), `${pulled.status}: other bytes than were pushed`)
      for (const path of [`/v2/app/referrers/${image.digest}`, '/v2/app/tags/list']) {
        const list = await target.ask('GET', path)
        assert.equal(list.status, 200, path)
        JSON.parse(list.body.toString())
      }
    },
    verify: () => verifyServer(target),
    [Symbol.asyncDispose]: () => endServer(target),
  }
}

/** A manifest whose text has values, keys or bytes that do not belong there. */
function makeManifest(dice: Dice): Buffer {
  let text = JSON.stringify(dice.pick(seeds))
  for (let rounds = dice.below(4); rounds > 0; rounds--) text = changeText(dice, text)
  const bytes = Buffer.from(text)
  return dice.once(5) ? mutate(dice, bytes, 2) : bytes
}

function changeText(dice: Dice, text: string): string {
  const values = [...text.matchAll(/(?<=[:[,])(?:"[^"]*"|[\d.]+|\{[^{}]*\}|\[[^[\]]*\])/g)]
  if (values.length === 0 || dice.once(4)) return text.replace('{', `{${JSON.stringify(dice.pick(KEYS))}:${dice.pick(VALUES)(dice)},`)
  const value = dice.pick(values)
  return text.slice(0, value.index) + dice.pick(VALUES)(dice) + text.slice(value.index + value[0].length)
}

function findType(bytes: Buffer): string | undefined {
  return /"mediaType":"([\x21-\x7e]+?)"/.exec(bytes.toString())?.[1]
}
