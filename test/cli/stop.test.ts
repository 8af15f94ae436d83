import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { Client } from '../support/http-client.ts'
import { pathOf } from '../support/registry.ts'
import { Workplace } from './support/lacre.ts'

async function listensNoMore(client: Client): Promise<void> {
  for (let code = ''; code !== 'ECONNREFUSED'; ) {
    code = await client.get('/v2/').then(
      () => '',
      (error: NodeJS.ErrnoException) => error.code ?? '',
    )
  }
}

test('SIGTERM lets an upload under way finish, and the exit code is 0', async () => {
  await using place = await Workplace.make()
  const server = await place.serve()
  const client = await server.client()
  const path = pathOf((await client.send('POST', '/v2/team/app/blobs/uploads/')).headers['location'])
  const socket = connect(client.port, '127.0.0.1')
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel`)
  while ((await client.get(path)).headers['range'] !== '0-2');
  const ended = server.end('SIGTERM')
  await listensNoMore(client)
  socket.write('lo')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 202 /)
  assert.equal(await ended, 0)
  const again = await place.serve()
  assert.equal((await (await again.client()).get(path)).headers['range'], '0-4')
})

test('a second signal ends the server at once', async () => {
  await using place = await Workplace.make()
  const server = await place.serve()
  const client = await server.client()
  const path = pathOf((await client.send('POST', '/v2/team/app/blobs/uploads/')).headers['location'])
  const socket = connect(client.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel`)
  while ((await client.get(path)).headers['range'] !== '0-2');
  const ended = server.end('SIGTERM')
  await listensNoMore(client)
  server.process.kill('SIGTERM')
  assert.equal(await ended, 1)
})
