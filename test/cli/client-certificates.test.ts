import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { lacre, Workplace } from './support/lacre.ts'

/** Runs a command that must succeed. */
async function ok(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await lacre(args)
  assert.equal(status, 0, stderr)
  return stdout
}

test('a client certificate of the own CA is let in until "lacre cert revoke", also on a connection that is open', async () => {
  await using place = await Workplace.make()
  const pki = join(place.data, 'lacre/state/pki')
  const data = ['--data', place.data]
  const first = await place.start(['up', 'registry.test', '--yes', '--port', '0', ...data])
  await first.end()
  await ok('cert', 'issue', 'client', 'alice', '--out', join(place.folder, 'alice'), '--names', 'docker', ...data)
  const server = await place.start(['serve', await place.configuration()], {
    REGISTRY_HTTP_TLS_CERTIFICATE: join(pki, 'server/server.crt'),
    REGISTRY_HTTP_TLS_KEY: join(pki, 'server/server.key'),
    REGISTRY_HTTP_TLS_CLIENTCAS: `[${join(pki, 'ca/bundle.crt')}]`,
  })
  const files = ['ca/bundle.crt', 'alice/client-cert.pem', 'alice/client-key.pem']
  const [ca, cert, key] = await Promise.all(files.map((name) => readFile(join(name.startsWith('ca') ? pki : place.folder, name))))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = async () => {
    const sent = request({ host: '127.0.0.1', servername: 'registry.test', port: await server.listening, path: '/v2/', ca, cert, key, agent }).end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return { status: response.statusCode, body: await text(response), isReused: sent.reusedSocket }
  }
  assert.equal((await ask()).status, 200)
  await ok('cert', 'revoke', 'alice', '--reason', 'keyCompromise', ...data)
  const { status, body, isReused } = await ask()
  agent.destroy()
  assert.deepEqual([status, isReused], [403, true])
  assert.match(body, /the client certificate .*alice.* is revoked/)
  assert.equal((JSON.parse(await ok('status', '--json', ...data)) as { crl: { revoked: number } }).crl.revoked, 1)
})
