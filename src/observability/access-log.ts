import type { DestinationStream } from 'pino'
import { type LogSettings, openStandardStream } from './log.ts'

/** A request that was answered, as the client sent it. */
export interface AccessEntry {
  readonly remoteAddress?: string | undefined
  /** The account that was let in. */
  readonly user?: string | undefined
  /** When the request began. */
  readonly time: Date
  readonly method: string
  /** Path and query as they were sent. */
  readonly url: string
  readonly httpVersion: string
  readonly status: number
  /** Bytes of the body that were sent. */
  readonly bytes: number
  readonly referer?: string | undefined
  readonly userAgent?: string | undefined
}

/** One line for each request, on stdout; nothing where `accesslog.disabled` says so. */
export function createAccessLog(settings: Pick<LogSettings, 'accesslog'>, stream?: DestinationStream): (entry: AccessEntry) => void {
  if (settings.accesslog.disabled) return () => undefined
  const sink = stream ?? openStandardStream(1)
  return (entry) => void sink.write(`${formatAccess(entry)}\n`)
}

/**
 * Apache's combined form, in UTC. What the client chose is escaped, so that it can neither begin a line nor end a field.
 *
 * @see https://httpd.apache.org/docs/2.4/logs.html#combined
 */
function formatAccess(entry: AccessEntry): string {
  const { method, url, httpVersion, status, bytes } = entry
  const request = escapeField(`${method} ${url} HTTP/${httpVersion}`)
  const client = `${word(entry.remoteAddress)} - ${word(entry.user)} [${formatTime(entry.time)}]`
  return `${client} "${request}" ${status} ${bytes} "${escapeField(entry.referer ?? '')}" "${escapeField(entry.userAgent ?? '')}"`
}

/** A field without quotes: spaces are escaped too. */
function word(text: string | undefined): string {
  return text ? escapeField(text).replaceAll(' ', '\\x20') : '-'
}

function escapeField(text: string): string {
  return text.replaceAll(/["\\]|[^\x20-\x7e]+/g, (part) => (part === '"' || part === '\\' ? `\\${part}` : toHex(part)))
}

function toHex(text: string): string {
  return Buffer.from(text).toString('hex').replaceAll(/../g, '\\x$&')
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

function formatTime(time: Date): string {
  const [date = '', clock = ''] = time.toISOString().split('T')
  const [year, month, day] = date.split('-')
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${clock.slice(0, 8)} +0000`
}
