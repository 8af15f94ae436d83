import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { AccessOperation } from '../access/operations.ts'
import { type OpenVolume, openVolume } from '../app.ts'
import type { NotificationOperation } from '../notifications/operations.ts'
import { type OperationLine, type OperationName, runOperation } from '../registry/operations.ts'
import { STATE, V2 } from '../volume/layout.ts'
import { VolumeLockedError } from '../volume/lock.ts'
import { actAs, findForeignOwner } from '../volume/owner.ts'

export interface OperationRequest extends ServerRequest {
  readonly name: OperationName
}

/** What a server is asked over its admin socket. */
interface ServerRequest {
  /** The volume's root. */
  readonly root: string
  readonly name: OperationName | NotificationOperation | AccessOperation | 'server-status'
  readonly parameters: Readonly<Record<string, unknown>>
  readonly onLine: (line: OperationLine) => void
}

/** Does without a server what one would be asked. */
type WorkHere = (volume: OpenVolume) => Promise<unknown>

/**
 * Runs an operation on a volume: in this process, as the volume's owner, when nobody serves it, else through the server's
 * admin socket. Its result.
 */
export function operate({ name, ...operation }: OperationRequest): Promise<unknown> {
  const { parameters, onLine: emit } = operation
  return askOrWork({ name, ...operation }, ({ registry }) => runOperation(registry, name, parameters, { isServing: false, emit }))
}

/** As `operate`, for what `work` does where nobody serves the volume. */
export async function askOrWork(operation: ServerRequest, work: WorkHere): Promise<unknown> {
  const { root } = operation
  if (!existsSync(join(root, V2))) throw new NoRegistryError(root)
  try {
    return await workHere(root, work, 0)
  } catch (error) {
    if (!(error instanceof VolumeLockedError)) throw error
  }
  const response = await askServer(operation)
  if (response) return await readAnswer(operation, response)
  return await workHere(root, work, COMMAND_PATIENCE_MS)
}

const COMMAND_PATIENCE_MS = 3000 // another command, which has no socket, may be done in a moment

async function workHere(root: string, work: WorkHere, patienceMs: number): Promise<unknown> {
  actAs(findForeignOwner(root))
  const volume = await openVolume(root, { patienceMs })
  try {
    return await work(volume)
  } finally {
    volume.close()
  }
}

/** What the server of a volume says of itself; `undefined` when none answers this user. */
export async function findServer(root: string): Promise<unknown> {
  const request: ServerRequest = { root, name: 'server-status', parameters: {}, onLine: () => undefined }
  const response = await askServer(request)
  return response && readAnswer(request, response)
}

/** A command never makes a registry: a mistyped folder would look like an empty one. */
export class NoRegistryError extends Error {
  readonly hint: string

  constructor(root: string) {
    super(`there is no registry in ${root}`)
    this.name = 'NoRegistryError'
    this.hint = 'name its folder with --data DIR, or its configuration with --config FILE'
  }
}

/** The server said no; its words. */
class ServerError extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.name = 'ServerError'
    this.hint = hint
  }
}

/** The beginning of the server's answer; `undefined` when no server can be reached. */
async function askServer({ root, name, parameters }: ServerRequest): Promise<NodeJS.ReadableStream | undefined> {
  const socketPath = findSocket(root)
  if (!socketPath) return undefined
  actAs(undefined) // the server may be another than the owner
  return await new Promise((resolve) => {
    const sent = request({ socketPath, method: 'POST', path: `/${name}` }, resolve)
    sent.once('error', () => resolve(undefined))
    sent.end(JSON.stringify(parameters))
  })
}

async function readAnswer({ onLine }: ServerRequest, response: NodeJS.ReadableStream): Promise<unknown> {
  for await (const text of createInterface({ input: response })) {
    const line = JSON.parse(text) as OperationLine | { result: unknown } | { error: { message: string; hint?: string } }
    if ('result' in line) return line.result
    if ('error' in line) throw new ServerError(line.error.message, line.error.hint ?? 'the log of the server says more')
    onLine(line)
  }
  throw new ServerError('the server ended before the work was done', 'look at its log, and run the command again')
}

function findSocket(root: string): string | undefined {
  try {
    return readFileSync(join(root, STATE, 'admin.socket'), 'utf8').trim()
  } catch {
    return undefined
  }
}
