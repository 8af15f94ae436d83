import { formatDuration } from './duration.ts'
import { type ConfigKey, findKeyFacts, listKeys } from './keys.ts'
import type { LoadedConfig } from './load.ts'
import { flatten } from './sources.ts'

/** One effective value as it may be shown. */
export interface ShownValue {
  readonly key: string
  /** `(hidden)` for a secret. */
  readonly value: unknown
  readonly unit?: 'milliseconds'
  readonly source: string
}

/** Every effective value and where it comes from, without secrets. */
export function describeConfig({ config, sources }: LoadedConfig): ShownValue[] {
  return flatten(config).map(([path, value]) => {
    const facts = findKeyFacts(path)
    const key = path.join('.')
    const shown = facts?.secret === 'within' ? hideCredentials(String(value)) : facts?.secret ? '(hidden)' : value
    return { key, value: shown, ...(facts?.unit ? { unit: facts.unit } : {}), source: sources.get(key) ?? 'default' }
  })
}

/** A URL without what may be secret in it. */
function hideCredentials(url: string): string {
  const { protocol, username, password, host, pathname, search } = new URL(url)
  if (!username && !password && !search) return url
  return `${protocol}//${username || password ? '(hidden)@' : ''}${host}${pathname}${search && '?(hidden)'}`
}

/** Three columns: key, value, source. Warnings below. */
export function formatConfig(loaded: LoadedConfig): string {
  const rows = describeConfig(loaded).map(({ key, value, unit, source }) => [key, formatValue(value, unit), source])
  const lines = alignColumns(rows)
  const origin = `# ${loaded.path ?? "no file: registry:2's own configuration"}`
  const warnings = loaded.warnings.map((warning) => `warning: ${warning}`)
  return `${[origin, ...lines, ...warnings].join('\n')}\n`
}

/** Every key with its type, default and sentence. */
export function formatKeys(): string {
  return `${listKeys().map(formatKey).join('\n')}\n`
}

function formatKey({ path, type, description, unit, fallback }: ConfigKey): string {
  const byDefault = fallback === undefined ? '' : ` Default: ${formatValue(fallback, unit)}.`
  return `${path}\n    ${description}${byDefault} Takes ${type}.`
}

function formatValue(value: unknown, unit: string | undefined): string {
  if (unit === 'milliseconds') return formatDuration(value as number)
  if (typeof value === 'string') return /^[\x21-\x7e][\x20-\x7e]*$/.test(value) ? value : JSON.stringify(value)
  return JSON.stringify(value)
}

function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
