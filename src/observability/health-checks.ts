import { stat } from 'node:fs/promises'
import { connect } from 'node:net'

/** Something whose failure makes the registry unhealthy. Times in milliseconds. */
export interface HealthCheck {
  /** Under which `/debug/health` lists it. */
  readonly name: string
  readonly intervalMs: number
  /** How often in a row it must fail; 0 is as 1. */
  readonly threshold: number
  /** How long one look may take. */
  readonly timeoutMs: number
  /** @throws Error that says what is the matter. */
  readonly look: (signal: AbortSignal) => Promise<void>
}

/** `health` of the configuration. */
export interface HealthSettings {
  readonly storagedriver: { readonly enabled: boolean; readonly interval: number; readonly threshold: number }
  readonly file: readonly { readonly file: string; readonly interval: number }[]
  readonly http: readonly HttpCheck[]
  readonly tcp: readonly { readonly addr: string; readonly timeout: number; readonly interval: number; readonly threshold: number }[]
}

interface HttpCheck {
  readonly uri: string
  readonly statuscode: number
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly timeout: number
  readonly interval: number
  readonly threshold: number
}

const LONG_MS = 30_000 // a busy machine is no sick one; Distribution has no limit

/** What is checked, under the names that Distribution gives it. */
export function healthChecks(settings: HealthSettings, root: string): HealthCheck[] {
  const { storagedriver, file, http, tcp } = settings
  const times = ({ interval, threshold = 0, timeout = 0 }: { interval: number; threshold?: number; timeout?: number }) => ({
    intervalMs: interval,
    threshold,
    timeoutMs: timeout || Math.max(interval, LONG_MS),
  })
  return [
    ...(storagedriver.enabled ? [{ name: 'storagedriver_filesystem', ...times(storagedriver), look: () => lookAtFolder(root) }] : []),
    ...file.map((check) => ({ name: check.file, ...times(check), look: () => lookForFile(check.file) })),
    ...http.map((check) => ({ name: shown(check.uri), ...times(check), look: (signal: AbortSignal) => lookAtUrl(check, signal) })),
    ...tcp.map((check) => ({ name: check.addr, ...times(check), look: (signal: AbortSignal) => lookAtAddress(check.addr, signal) })),
  ]
}

/** A folder that is not there is no outage of the disk: Distribution goes on too, and makes it with the next push. */
async function lookAtFolder(root: string): Promise<void> {
  await stat(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

async function lookForFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  if (found) throw new Error('file exists')
}

async function lookAtUrl({ uri, statuscode, headers }: HttpCheck, signal: AbortSignal): Promise<void> {
  const url = new URL(uri)
  const sent = new Headers(Object.entries(headers).flatMap(([name, values]) => values.map((value): [string, string] => [name, value])))
  if ((url.username || url.password) && !sent.has('authorization')) sent.set('authorization', basicOf(url))
  url.username = url.password = '' // fetch takes no URL that has them
  const answer = await fetch(url, { method: 'HEAD', headers: sent, signal }).catch((error: Error) => {
    throw new Error(`error while checking: ${shown(uri)}: ${describe(error)}`, { cause: error })
  })
  if (answer.status !== statuscode) throw new Error(`downstream service returned unexpected status: ${answer.status}`)
}

function basicOf({ username, password }: URL): string {
  return `Basic ${Buffer.from([username, password].map(decodeURIComponent).join(':')).toString('base64')}`
}

/** A URL without user, password and query, which may be secrets: anybody may ask what is the matter. */
function shown(uri: string): string {
  const { username, password, origin, pathname, search } = new URL(uri)
  return username || password || search ? `${origin}${pathname}${search && '?…'}` : uri
}

async function lookAtAddress(addr: string, signal: AbortSignal): Promise<void> {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(addr) ?? []
  const socket = connect({ host: host.replace(/^\[|\]$/g, '') || 'localhost', port: Number(port) })
  const abandon = () => socket.destroy(new Error('it took too long'))
  signal.addEventListener('abort', abandon, { once: true })
  try {
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  } catch (error) {
    throw new Error(`connection to ${addr} failed: ${describe(error as Error)}`, { cause: error })
  } finally {
    signal.removeEventListener('abort', abandon)
    socket.destroy()
  }
}

/** undici says "fetch failed" and keeps the reason to itself. */
function describe(error: Error): string {
  const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException
  return code ?? message
}
