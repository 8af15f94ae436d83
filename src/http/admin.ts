import { chmod, mkdir, rm, stat } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import { type AccessDesk, isAccessOperation, runAccessOperation } from '../access/operations.ts'
import { isNotificationOperation, type Mailroom, runNotificationOperation } from '../notifications/operations.ts'
import { OciError } from '../oci/error.ts'
import { isOperationName, runOperation } from '../registry/operations.ts'
import type { Registry } from '../registry/registry.ts'

const { createServer } = process.getBuiltinModule('node:http') // an import would load fetch too
const PARAMETERS_LIMIT = 4 * 1024 * 1024 // a policy may have thousands of grants

const SERVER_STATUS = 'server-status'

/** What operators may ask about. */
export interface Served {
  readonly registry: Registry
  readonly mailroom: Mailroom
  readonly desk: AccessDesk
  /** How the server itself stands: a value that JSON can hold. */
  readonly status: () => object
}

/**
 * The admin socket: `POST /<operation>` with parameters as JSON; the answer is a line of JSON for each item and each
 * progress, and one `{"result":…}` or `{"error":…}` at the end. Who may open the socket, 0600 in a 0700 folder, may do everything.
 */
export class AdminSocket {
  readonly path: string
  readonly #server: Server

  constructor(path: string, served: Served) {
    this.path = path
    this.#server = createServer((request, response) => void answer(served, request, response))
  }

  /** @throws Error when the folder belongs to somebody else or others may enter it. */
  async listen(): Promise<void> {
    const folder = dirname(this.path)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const { uid, mode } = await stat(folder)
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) throw new Error(`the folder ${folder} of the admin socket is not ours alone`)
    await rm(this.path, { force: true })
    await new Promise<void>((resolve, reject) => this.#server.once('error', reject).listen(this.path, resolve))
    await chmod(this.path, 0o600)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

async function answer(served: Served, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const write = (line: unknown) => response.write(`${JSON.stringify(line)}\n`)
  response.setHeader('Content-Type', 'application/x-ndjson')
  try {
    const name = (request.url ?? '').slice(1)
    write({ result: await run(served, name, { request, emit: write }) })
  } catch (error) {
    write({ error: describe(error) })
  } finally {
    response.end()
  }
}

async function run(
  { registry, mailroom, desk, status }: Served,
  name: string,
  { request, emit }: { request: IncomingMessage; emit: (line: unknown) => void },
): Promise<unknown> {
  const isOurs = isOperationName(name) || isNotificationOperation(name) || isAccessOperation(name)
  if (request.method === 'POST' && name === SERVER_STATUS) return status()
  if (request.method !== 'POST' || !isOurs) throw new Error(`there is no operation ${JSON.stringify(name.slice(0, 60))}`)
  const parameters = await readParameters(request)
  if (isNotificationOperation(name)) return runNotificationOperation(mailroom, name, parameters)
  if (isAccessOperation(name)) return runAccessOperation(desk, name, parameters)
  return runOperation(registry, name, parameters, { isServing: true, emit })
}

async function readParameters(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > PARAMETERS_LIMIT) throw new Error('the parameters are too long')
  }
  return JSON.parse(text || '{}') as Record<string, unknown>
}

function describe(error: unknown): { message: string; hint?: string } {
  if (error instanceof OciError && error.status < 500)
    return { message: `${error.message} (${JSON.stringify(error.detail)})`, hint: 'check the name: "lacre repo list" shows those there are' }
  const { message = String(error), hint } = error as { message?: string; hint?: string }
  return hint === undefined ? { message } : { message, hint }
}
