import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { CertificateFolder } from '../../../test/support/certificates.ts'
import { openTransport } from './transport.ts'

const { createServer } = process.getBuiltinModule('node:https')

/** An HTTPS server whose authority is told, or not. */
async function stage(answer: Buffer) {
  const folder = await CertificateFolder.make()
  const authority = await folder.issue('authority', { profile: 'authority', names: [] })
  const { cert, keyText } = await folder.issue('server', { issuer: authority })
  const server = createServer({ cert, key: keyText }, (_, response) => response.setHeader('Replay-Nonce', 'n').end(answer)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://localhost:${(server.address() as AddressInfo).port}/directory`
  return {
    url,
    authority: authority.cert,
    async [Symbol.asyncDispose]() {
      server.close()
      await folder[Symbol.asyncDispose]()
    },
  }
}

const GET = { method: 'GET', headers: {} } as const
const never = new AbortController().signal

test('an ACME server of an authority that is named is asked', async () => {
  await using server = await stage(Buffer.from('{}'))
  const { status, headers, text } = await openTransport(server.authority)(server.url, GET, never)
  assert.deepEqual([status, headers['replay-nonce'], text], [200, 'n', '{}'])
})

test('one that nobody named is not trusted, and the hint names the key', async () => {
  await using server = await stage(Buffer.from('{}'))
  await assert.rejects(openTransport()(server.url, GET, never), {
    type: 'network',
    message: /cannot reach the ACME server localhost:\d+: /,
    hint: /lacre\.acme\.cafile/,
  })
})

test('an answer without end is not read to its end', async () => {
  await using server = await stage(Buffer.alloc(300 * 1024))
  await assert.rejects(openTransport(server.authority)(server.url, GET, never), { type: 'network', message: /longer than 262144 bytes/ })
})

test('nobody there is told as such', async () => {
  await assert.rejects(openTransport()('https://127.0.0.1:1/', GET, never), { type: 'network', message: /ECONNREFUSED/, hint: /directoryurl/ })
})

test('a stop is no failure of the server', async () => {
  const stop = AbortSignal.abort()
  await assert.rejects(openTransport()('https://127.0.0.1:1/', GET, stop), { name: 'AbortError' })
})
