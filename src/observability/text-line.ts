/**
 * A log line in logrus's text form, as Distribution writes it: `time="…" level=info msg="…" key=value`, further keys in
 * lexical order, sections dissolved with dots. One line whatever the values hold.
 */
export function formatLogLine(record: Readonly<Record<string, unknown>>): string {
  const { time, level, msg, ...rest } = record
  const fields = flatten(rest, '').sort(([left], [right]) => (left < right ? -1 : 1))
  const head: [string, unknown][] = [
    ['time', time],
    ['level', level === 'warn' ? 'warning' : level],
    ['msg', msg],
  ]
  return [...head.filter(([, value]) => value !== undefined), ...fields].map(([key, value]) => `${formatKey(key)}=${formatValue(value)}`).join(' ')
}

const DEPTH_LIMIT = 4

function flatten(value: object, prefix: string, depth = 0): [string, unknown][] {
  return Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
    const path = prefix + key
    const isSection = typeof item === 'object' && item !== null && !Array.isArray(item)
    return isSection && depth < DEPTH_LIMIT ? flatten(item, `${path}.`, depth + 1) : [[path, item]]
  })
}

function formatKey(key: string): string {
  return key.replaceAll(/[^\w.@/-]/g, '_')
}

function formatValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /^[\w.@/^+-]+$/.test(text) ? text : quote(text)
}

/** JSON's form, with what could still move a terminal's cursor or turn text around escaped too. */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
