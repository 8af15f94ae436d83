/** A server that kills itself when an operation that matches POINT is to be done (`before …`) or was done (`after …`) for the COUNTth time. */
import { join } from 'node:path'
import { createServer } from '../../src/http/server.ts'
import { openIndex, openState } from '../../src/metadata/connect.ts'
import { openRegistry } from '../../src/registry/registry.ts'
import { FilesystemDriver } from '../../src/volume/filesystem.ts'
import { formatOperation, intercepted } from './intercepted.ts'

const [folder = '', port = '', point = '', count = '1'] = process.argv.slice(2)
const [when, pattern = ''] = point.split(/ (.*)/)
let left = Number(count)

const driver = intercepted(new FilesystemDriver(folder), async (operation, proceed) => {
  const isIt = new RegExp(pattern).test(formatOperation(operation)) && --left === 0
  if (isIt && when === 'before') process.kill(process.pid, 'SIGKILL')
  const result = await proceed()
  if (isIt && when === 'after') process.kill(process.pid, 'SIGKILL')
  return result
})
const registry = await openRegistry({
  driver,
  openIndex: (report) => openIndex(join(folder, 'lacre/cache/index.db'), report),
  openState: (report) => openState(join(folder, 'lacre/state/state.db'), report),
})
const server = createServer({
  registry,
  health: { failing: () => ({}), problems: () => [], warnings: () => [], setDown: () => undefined },
  settings: { addr: `127.0.0.1:${port}`, deletionEnabled: true },
  observer: { requestStarted: () => undefined, requestFinished: () => undefined, requestFailed: () => undefined },
})
await server.listen()
