import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { digestOf } from '../../src/oci/digest.ts'
import { Target } from './support/target.ts'

/** Clients that are let go, and the seconds after which they must be: the limits, with time to look. */
const stalls: readonly { what: string; only?: 'TLS' | 'plain HTTP'; seconds: number; begin: (target: Target) => Promise<Socket> }[] = [
  { what: 'says nothing', seconds: 75, begin: (target) => target.open() },
  { what: 'sends a header a second, and no end', seconds: 45, begin: (target) => trickle(target, 'GET /v2/ HTTP/1.1\r\nHost: x\r\n', 'X: y\r\n') },
  { what: 'sends half of an upload', seconds: 75, begin: async (target) => send(target, `${await patch(target, 10)}hello`) },
  { what: 'sends half of a manifest', seconds: 75, begin: (target) => send(target, 'PUT /v2/a/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{') },
  {
    what: 'does not read its pull',
    only: 'plain HTTP',
    seconds: 150,
    begin: (target) => send(target, `GET /v2/big/blobs/${digestOf(target.big)} HTTP/1.1\r\nHost: x\r\n\r\n`),
  },
  { what: 'asks once and stays', seconds: 90, begin: (target) => send(target, 'GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n') },
  {
    what: 'stops in the middle of its handshake',
    only: 'TLS',
    seconds: 45,
    begin: async (target) => sendRaw(target, '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'),
  },
]

async function send(target: Target, bytes: string): Promise<Socket> {
  const socket = await target.open()
  socket.write(bytes)
  return socket
}

async function sendRaw(target: Target, bytes: string): Promise<Socket> {
  const socket = connect(target.port, '127.0.0.1').on('error', () => undefined)
  socket.write(bytes, 'latin1')
  return socket
}

async function trickle(target: Target, head: string, drop: string): Promise<Socket> {
  const socket = await send(target, head)
  const drops = setInterval(() => socket.write(drop), 1000)
  socket.once('close', () => clearInterval(drops))
  return socket
}

async function patch(target: Target, length: number, path?: string): Promise<string> {
  return `PATCH ${path ?? (await target.startUpload())} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`
}

describe('clients that stall', { concurrency: true }, () => {
  for (const protocol of ['plain HTTP', 'TLS'] as const) {
    test(`over ${protocol}, who stalls is let go, who is slow but steady is not, and all is given back`, async (context) => {
      await using target = await Target.start({ isSecure: protocol === 'TLS' })
      const { descriptors } = await target.settle()
      const upload = await target.startUpload()
      const steady = await trickle(target, await patch(target, 1_000_000, upload), 'x')
      const begun = performance.now()
      const cases = stalls.filter(({ only }) => only === undefined || only === protocol)
      await Promise.all(
        cases.map(async ({ what, seconds, begin }) => {
          const socket = await begin(target)
          if (what === 'does not read its pull') assert.ok((await readLate(socket, seconds)) < target.big.length)
          else await once(socket.resume(), 'close')
          const took = (performance.now() - begun) / 1000
          context.diagnostic(`${protocol}: a client that ${what} is let go after ${Math.round(took)} s`)
          assert.ok(took < seconds, `${what}: ${took} s`)
        }),
      )
      await target.serves()
      assert.equal(steady.destroyed, false)
      assert.match((await target.ask('GET', upload)).range, /^0-\d{2,}$/, 'a byte a second for more than a minute')
      steady.destroy()
      await target.descriptorsFallTo(descriptors)
      assert.deepEqual(target.troubles, [])
    })
  }
})

/** What came before the end of a pull that nobody has read for longer than the limit. */
async function readLate(socket: Socket, seconds: number): Promise<number> {
  await delay((seconds - 10) * 1000) // a client that does not read is not told of its end
  let bytes = 0
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await once(socket, 'close')
  return bytes
}

describe('the limit of open files', () => {
  test('more connections than descriptors: those under way go on, and afterwards all is as before', async () => {
    await using target = await Target.start({ descriptors: 300 })
    const { descriptors } = await target.settle()
    const path = await target.startUpload()
    const upload = await send(target, `${await patch(target, 10, path)}hello`)
    const flood = Array.from({ length: 1000 }, () => connect(target.port, '127.0.0.1').on('error', () => undefined))
    await Promise.all(flood.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])))
    await target.serves()
    assert.ok(target.descriptors < 300 - 64, `${target.descriptors} descriptors`)
    upload.write('world')
    const [answer] = (await once(upload, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 202 /)
    for (const socket of [...flood, upload]) socket.destroy()
    await target.descriptorsFallTo(descriptors)
    await target.serves()
    assert.deepEqual(target.troubles, [])
  })
})

describe('clients that go', () => {
  for (const isSecure of [false, true]) {
    test(`500 uploads of which every other is reset half-way, ${isSecure ? 'over TLS' : 'plain'}: half are whole, half can go on`, async () => {
      await using target = await Target.start({ isSecure })
      const { descriptors } = await target.settle()
      const [first, second] = [Buffer.alloc(100_000, 'a'), Buffer.alloc(100_000, 'b')]
      const digest = digestOf(Buffer.concat([first, second]))
      const paths: string[] = []
      while (paths.length < 500) paths.push(...(await Promise.all(Array.from({ length: 50 }, () => target.startUpload()))))
      const sockets = await target.openMany(500)
      for (const [index, socket] of sockets.entries()) {
        socket.write(`PATCH ${paths[index]} HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n`)
        socket.write(first)
      }
      while ((await target.ask('GET', paths.at(-1) ?? '')).range !== '0-99999');
      for (const socket of sockets.filter((_, index) => index % 2 === 1)) void (isSecure ? socket.destroy() : socket.resetAndDestroy()) // a reset is not to be had over TLS
      const whole = sockets.filter((_, index) => index % 2 === 0)
      const answers = await Promise.all(
        whole.map(async (socket) => {
          socket.write(second)
          const [bytes] = (await once(socket, 'data')) as [Buffer]
          return bytes.toString().slice(0, 12)
        }),
      )
      assert.deepEqual([...new Set(answers)], ['HTTP/1.1 202'])
      await target.serves()
      for (const socket of whole) socket.destroy()
      await target.descriptorsFallTo(descriptors)
      for (const [index, path] of paths.slice(0, 10).entries()) {
        const { range } = await target.ask('GET', path)
        const held = Number(range.slice(2)) + 1
        assert.ok(index % 2 === 0 ? held === 200_000 : held <= 100_000, range)
        const rest = Buffer.concat([first, second]).subarray(held)
        assert.equal((await target.ask('PUT', `${path}?digest=${digest}`, rest)).status, 201)
      }
      assert.deepEqual(target.troubles, [])
    })
  }
})
