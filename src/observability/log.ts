import { type DestinationStream, destination, type LoggerOptions, type Logger as PinoLogger, pino } from 'pino'
import { formatLogLine } from './text-line.ts'

export type Logger = PinoLogger

/** `log` of the configuration. */
export interface LogSettings {
  readonly level: 'error' | 'warn' | 'info' | 'debug'
  readonly formatter: 'text' | 'json' | 'logstash'
  readonly fields: Readonly<Record<string, string>>
  readonly accesslog: { readonly disabled: boolean }
}

const RESERVED = new Set(['time', 'level', 'msg', 'message', '@timestamp', '@version'])
const SECRETS = ['authorization', 'Authorization', '["proxy-authorization"]', 'cookie', '["set-cookie"]', 'password', 'secret', 'token']
const PLACES = ['', '*.', '*.*.', '*.*.*.']

/**
 * The application's log, on stderr, written at once: nothing is lost at exit. Credentials in known places are hidden.
 *
 * @param stream where lines go instead of stderr
 */
export function createLogger(settings: LogSettings, stream?: DestinationStream): Logger {
  const sink = stream ?? openStandardStream(2)
  return pino(loggerOptions(settings), settings.formatter === 'text' ? toText(sink) : sink)
}

/** A descriptor written synchronously; whoever reads it may go away without ending the server. */
export function openStandardStream(fd: 1 | 2): DestinationStream {
  const stream = destination({ fd, sync: true })
  stream.on('error', () => undefined)
  return stream
}

function loggerOptions({ level, formatter, fields }: LogSettings): LoggerOptions {
  const isLogstash = formatter === 'logstash'
  const base = Object.fromEntries(Object.entries(fields).map(([name, value]) => [RESERVED.has(name) ? `fields.${name}` : name, value]))
  return {
    level,
    base: isLogstash ? { '@version': '1', ...base } : base,
    messageKey: isLogstash ? 'message' : 'msg',
    timestamp: () => `,"${isLogstash ? '@timestamp' : 'time'}":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: SECRETS.flatMap((name) => PLACES.map((place) => joinPath(place, name))), censor: '(hidden)' },
  }
}

function joinPath(place: string, name: string): string {
  return name.startsWith('[') ? `${place.slice(0, -1)}${name}` : `${place}${name}`
}

/** pino writes JSON; people read `key=value`. */
function toText(sink: DestinationStream): DestinationStream {
  return { write: (line) => sink.write(`${formatLogLine(JSON.parse(line) as Record<string, unknown>)}\n`) }
}
