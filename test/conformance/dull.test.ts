import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { Client } from '../support/http-client.ts'
import { walk } from './walk.ts'

/** Statuses and bodies of servers that answer everything alike. */
const dull = [
  [200, ''],
  [200, '{"schemaVersion":2,"name":"","tags":[],"manifests":[]}'],
  [201, ''],
  [202, ''],
  [400, '{"errors":[{"code":"DIGEST_INVALID"}]}'],
  [404, '{"errors":[{"code":"UNKNOWN"}]}'],
] as const

/** The claims that hold for such a server, which always gives an address to go on at. */
async function claimsTrueOf(status: number, body: string): Promise<Set<string>> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status, { Location: '/v2/x/blobs/uploads/y', Range: '0-0' }).end(body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const registry = new Client((server.address() as { port: number }).port)
  const held = new Set<string>()
  try {
    for (const { section, title, claims, begin } of walk) {
      const prove = begin(registry)
      for (const claim of claims)
        await prove(claim).then(
          () => held.add(`${section}: ${title} ${claim}`),
          () => undefined,
        )
    }
  } finally {
    server.close()
  }
  return held
}

test('no claim is true whatever the registry does: each is untrue of some server that answers everything alike', async () => {
  const held = []
  for (const [status, body] of dull) held.push(await claimsTrueOf(status, body))
  assert.deepEqual([...held.reduce((all, some) => all.intersection(some))], [])
})
