import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { type Figures, Target } from './support/target.ts'

const MiB = 1024 * 1024

/** What hostile or unlucky clients do at once; the connections that they keep. */
interface Flood {
  readonly what: string
  readonly only?: 'TLS' | 'plain HTTP'
  /** Bytes of memory that the server may hold while it goes on. */
  readonly most: number
  readonly begin: (target: Target) => Promise<Socket[]>
}

const pull = ({ big }: Target) => `GET /v2/big/blobs/${digestOf(big)} HTTP/1.1\r\nHost: x\r\n\r\n`

/** Connections that send this and read nothing of what comes back; resolves when some of it has come. */
async function sendAndStall(target: Target, count: number, request: string): Promise<Socket[]> {
  const sockets = await target.openMany(count)
  const begun = sockets.map((socket) => once(socket, 'readable'))
  for (const socket of sockets) socket.write(request)
  await Promise.all(begun)
  return sockets
}

async function written(sockets: readonly Socket[], bytes: Buffer | string): Promise<void> {
  await Promise.all(sockets.map((socket) => new Promise((done) => socket.write(bytes, done))))
}

const floods: readonly Flood[] = [
  { what: '2,000 connections that say nothing', only: 'plain HTTP', most: 450 * MiB, begin: (target) => target.openMany(2_000) },
  {
    what: '2,000 connections that have asked once',
    most: 450 * MiB,
    begin: (target) => sendAndStall(target, 2_000, 'GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n'),
  },
  { what: '300 pulls that nobody reads', most: 500 * MiB, begin: (target) => sendAndStall(target, 300, pull(target)) },
  {
    what: 'sixty pulls sent ahead on each of 20 connections, and not read',
    most: 400 * MiB,
    begin: (target) => sendAndStall(target, 20, pull(target).repeat(60)),
  },
  {
    what: '100 manifests of 4 MB without an end',
    only: 'plain HTTP',
    most: 450 * MiB,
    async begin(target) {
      const sockets = await target.openMany(100)
      await written(sockets, `PUT /v2/big/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n${' '.repeat(3_900_000)}`)
      return sockets
    },
  },
  {
    what: '20 uploads in chunks of one byte',
    only: 'plain HTTP',
    most: 450 * MiB,
    async begin(target) {
      const sockets = await target.openMany(20)
      for (const socket of sockets) socket.write(`PATCH ${await target.startUpload()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`)
      await written(sockets, '1\r\nx\r\n'.repeat(200_000))
      return sockets
    },
  },
  {
    what: '500 connections that stop in the middle of their handshake',
    only: 'TLS',
    most: 350 * MiB,
    async begin(target) {
      const sockets = Array.from({ length: 500 }, () => connect(target.port, '127.0.0.1').on('error', () => undefined))
      await Promise.all(sockets.map((socket) => once(socket, 'connect')))
      await written(sockets, '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03')
      return sockets
    },
  },
]

for (const protocol of ['plain HTTP', 'TLS'] as const) {
  describe(`over ${protocol}`, () => {
    for (const { what, most, begin } of floods.filter(({ only }) => only === undefined || only === protocol)) {
      test(`${what}: others are served, and all is given back`, async (context) => {
        await using target = await Target.start({ isSecure: protocol === 'TLS' })
        const runFlood = async () => {
          const sockets = await begin(target)
          const { rss } = target
          await target.serves()
          for (const socket of sockets) socket.destroy()
          return rss
        }
        await target.serves()
        const { descriptors } = await target.settle()
        await runFlood() // for the first time: what a program keeps once it has needed it
        await target.descriptorsFallTo(descriptors)
        const before = await target.settle()
        const peak = await runFlood()
        await target.descriptorsFallTo(descriptors)
        const figures = await target.settle()
        context.diagnostic(describeFigures(what, peak, before, figures))
        assert.ok(peak < most, `${Math.round(peak / MiB)} MiB`)
        assert.ok(figures.heap - before.heap < 8 * MiB, `${figures.heap - before.heap} bytes more on the heap`)
        assert.ok(figures.rss - before.rss < 64 * MiB, `${figures.rss - before.rss} bytes more`)
        assert.deepEqual(target.troubles, [])
      })
    }
  })
}

function describeFigures(what: string, peak: number, before: Figures, after: Figures): string {
  const inMiB = (bytes: number) => Math.round(bytes / MiB)
  return `${what}: RSS ${inMiB(before.rss)} → ${inMiB(peak)} → ${inMiB(after.rss)} MiB, heap ${inMiB(before.heap)} → ${inMiB(after.heap)} MiB`
}
