import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Workplace } from './support/lacre.ts'

/** As systemd does: LISTEN_PID is the program's own, and descriptor 3 a socket that listens. */
const ACTIVATED = 'LISTEN_PID=$' + '$ exec "$0" "$@"'

interface Activation {
  readonly socket: Server
  readonly place: Workplace
  /** The configuration, without where data goes. */
  readonly configuration: string
  readonly environment?: Readonly<Record<string, string>>
}

/** `lacre serve` with a socket that this process has opened. */
async function activate({ socket, place, configuration, environment = {} }: Activation): Promise<ChildProcess> {
  const path = join(place.folder, 'config.yml')
  await writeFile(path, `version: 0.1\nstorage: {filesystem: {rootdirectory: ${place.data}}}\n${configuration}`)
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
  const child = spawn('sh', ['-c', ACTIVATED, process.execPath, resolve('src/main.ts'), 'serve', path], {
    env: { PATH: process.env['PATH'], LISTEN_FDS: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe', fd],
  })
  socket.close() // the child has it
  return child
}

async function openSocket(target: number | string): Promise<Server> {
  const socket = typeof target === 'number' ? createServer().listen(target, '127.0.0.1') : createServer().listen(target)
  await once(socket, 'listening')
  return socket
}

async function ask(target: { port: number } | { socketPath: string }): Promise<number | undefined> {
  const sent = request({ ...target, host: '127.0.0.1', path: '/v2/' }).end()
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage]
  response.resume()
  return response.statusCode
}

test('a socket that systemd opened takes the place of http.addr, which need not be set', async () => {
  await using place = await Workplace.make()
  const socket = await openSocket(0)
  const { port } = socket.address() as AddressInfo
  const child = await activate({ socket, place, configuration: '' })
  assert.equal(await ask({ port }), 200) // whoever comes early waits in the socket's queue
  child.kill()
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('a unix socket that systemd opened is served on, whatever http.addr says', async () => {
  await using place = await Workplace.make()
  const socketPath = join(place.folder, 'registry.sock')
  const socket = await openSocket(`${socketPath}.opened`)
  await rename(`${socketPath}.opened`, socketPath) // closing it here would remove the old name
  const child = await activate({ socket, place, configuration: 'http: {addr: "no address"}\n' })
  assert.equal(await ask({ socketPath }), 200)
  child.kill()
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('several sockets are refused with a sentence', async () => {
  await using place = await Workplace.make()
  const child = await activate({ socket: await openSocket(0), place, configuration: '', environment: { LISTEN_FDS: '2' } })
  const [said, [status]] = await Promise.all([text(child.stderr as NodeJS.ReadableStream), once(child, 'exit')])
  assert.equal(status, 1)
  assert.match(said, /^lacre: configuration: LISTEN_FDS is 2, but one socket is served on\nhint: /)
})

test('a socket for another process is left alone', async () => {
  await using place = await Workplace.make()
  const server = await place.start(['serve', await place.configuration()], { LISTEN_FDS: '1', LISTEN_PID: '1' })
  assert.equal((await (await server.client()).get('/v2/')).status, 200)
})
