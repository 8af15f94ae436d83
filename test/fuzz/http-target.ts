import { digestOf } from '../../src/oci/digest.ts'
import { Target } from '../network/support/target.ts'
import { imageOf } from '../support/images.ts'
import { type Dice, mutate, nasty } from './dice.ts'
import type { FuzzTarget } from './fuzz-target.ts'
import { checkStatuses, converse, endServer, verifyServer } from './server-target.ts'

interface Request {
  readonly method: string
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body?: Buffer
}

const image = imageOf('fuzzed')
const [blob = Buffer.alloc(0)] = image.blobs
const digest = digestOf(blob)

/** What clients send, one of each kind; `upload` is a session of this case. */
const requests: readonly ((dice: Dice, upload: string) => Request)[] = [
  () => ({ method: 'GET', path: '/v2/', headers: [] }),
  (dice) => ({ method: 'GET', path: `/v2/_catalog?n=${dice.below(5)}&last=app`, headers: [] }),
  (dice) => ({ method: 'GET', path: `/v2/app/tags/list?n=${dice.below(5)}`, headers: [] }),
  () => ({
    method: 'GET',
    path: '/v2/app/manifests/1',
    headers: [
      ['Accept', 'application/vnd.oci.image.manifest.v1+json, */*;q=0.1'],
      ['If-None-Match', '"x"'],
    ],
  }),
  () => ({ method: 'HEAD', path: `/v2/app/blobs/${digest}`, headers: [] }),
  (dice) => ({
    method: 'GET',
    path: `/v2/fuzz/blobs/${digest}`,
    headers: [
      ['Range', `bytes=${dice.below(9)}-${dice.below(9)}`],
      ['If-Range', `"${digest}"`],
    ],
  }),
  () => ({ method: 'GET', path: `/v2/fuzz/referrers/${digest}?artifactType=a`, headers: [] }),
  () => ({ method: 'POST', path: '/v2/fuzz/blobs/uploads/', headers: [['Content-Length', '0']] }),
  () => ({ method: 'POST', path: `/v2/fuzz/blobs/uploads/?mount=${digest}&from=app`, headers: [['Content-Length', '0']] }),
  () => ({ method: 'POST', path: `/v2/fuzz/blobs/uploads/?digest=${digest}`, headers: [['Content-Type', 'application/octet-stream']], body: blob }),
  (_, upload) => ({ method: 'PATCH', path: upload, headers: [['Content-Range', `0-${blob.length - 1}`]], body: blob }),
  (_, upload) => ({ method: 'PUT', path: `${upload}?digest=${digest}`, headers: [['Expect', '100-continue']], body: blob }),
  (_, upload) => ({ method: 'GET', path: upload, headers: [] }),
  (_, upload) => ({ method: 'DELETE', path: upload, headers: [] }),
  (dice) => ({
    method: 'PUT',
    path: `/v2/fuzz/manifests/t${dice.below(20)}`,
    headers: [['Content-Type', 'application/vnd.oci.image.manifest.v1+json']],
    body: image.manifest,
  }),
  (dice) => ({ method: 'DELETE', path: `/v2/fuzz/manifests/t${dice.below(20)}`, headers: [] }),
  () => ({ method: 'DELETE', path: `/v2/fuzz/manifests/${image.digest}`, headers: [] }),
  () => ({ method: 'DELETE', path: `/v2/fuzz/blobs/${digest}`, headers: [] }),
  () => ({ method: 'GET', path: '/metrics', headers: [] }),
  () => ({
    method: 'OPTIONS',
    path: '*',
    headers: [
      ['X-Request-Id', 'a'],
      ['Forwarded', 'for=a;host=b;proto=https'],
      ['X-Forwarded-Host', 'c'],
    ],
  }),
]

const NAMES = [
  'Host',
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'Expect',
  'Range',
  'Content-Range',
  'Authorization',
  'Accept',
  'Upgrade',
  'Trailer',
  'Content-Type',
  'If-Range',
  'X-Forwarded-Host',
  'Forwarded',
]
const VALUES = [
  'chunked',
  'gzip, chunked',
  'close',
  'keep-alive',
  '100-continue',
  'bytes=0-0,1-1',
  'bytes=-1',
  'Basic YTpi',
  'Basic ====',
  'Basic \xff',
  'Bearer x',
  'h2c',
  '5',
  '*/*',
  'for="_x";host=[::1]',
  '0-9',
]

/** Raw requests to a server that asks for a password, most of them with the right one. */
export async function openHttpTarget(): Promise<FuzzTarget> {
  const target = await Target.start({ hasAccounts: true })
  return {
    concurrency: 8,
    async try(dice) {
      const upload = await target.startUpload('fuzz')
      let bytes = Buffer.concat(Array.from({ length: 1 + dice.below(4) }, () => render(dice, dice.pick(requests)(dice, upload), target.authorization)))
      if (dice.once(2)) bytes = Buffer.from(mutate(dice, bytes))
      checkStatuses(await converse(target, cut(dice, bytes)))
    },
    verify: () => verifyServer(target),
    [Symbol.asyncDispose]: () => endServer(target),
  }
}

function render(dice: Dice, request: Request, authorization: string): Buffer {
  const headers = [['Host', 'registry.test'] as const, ...(dice.once(8) ? [] : [['Authorization', authorization] as const]), ...request.headers]
  const isChunked = dice.once(3)
  if (request.body)
    headers.push(isChunked ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(request.body.length + (dice.once(10) ? dice.below(5) - 2 : 0))])
  if (dice.once(3)) headers.splice(dice.below(headers.length + 1), dice.below(2), [dice.pick(NAMES), dice.once(2) ? dice.pick(VALUES) : nasty(dice)])
  const path = dice.once(4) ? mutate(dice, Buffer.from(request.path), 2).toString('latin1') : request.path
  const target = dice.once(10) ? `http://other.test${path}` : path
  const head = `${request.method} ${target} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), request.body ? renderBody(dice, request.body, isChunked) : Buffer.alloc(0)])
}

function renderBody(dice: Dice, whole: Buffer, isChunked: boolean): Buffer {
  const body = dice.once(6) ? mutate(dice, whole) : whole
  if (!isChunked) return body
  const size = 1 + dice.below(60)
  const chunks = Array.from({ length: Math.ceil(body.length / size) }, (_, index) => body.subarray(index * size, (index + 1) * size))
  const trailer = dice.once(4) ? `${dice.pick(NAMES)}: ${dice.pick(VALUES)}\r\n` : ''
  return Buffer.concat([
    ...chunks.flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)}${dice.once(8) ? ';a=b' : ''}\r\n`), chunk, Buffer.from('\r\n')]),
    Buffer.from(`0\r\n${trailer}\r\n`),
  ])
}

/** Whole, or in pieces that are sent one after another. */
function cut(dice: Dice, bytes: Buffer): Buffer[] {
  if (dice.once(2)) return [bytes]
  const size = 1 + dice.below(dice.once(4) ? 3 : 500)
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
}
