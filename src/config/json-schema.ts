import { z } from 'zod'
import { formatDuration } from './duration.ts'
import { factsOf, unwrap } from './keys.ts'
import { configSchema } from './schema.ts'
import { unsupportedKeys } from './unsupported.ts'
import type { KeyFacts } from './values.ts'

type Schema = Record<string, unknown>

const CHOICES: ReadonlySet<string> = new Set(['storage', 'auth']) // "storage: filesystem" names a driver without parameters

/**
 * The format of the configuration file as JSON Schema, for editors.
 *
 * @see https://json-schema.org/draft/2020-12/schema
 */
export function configJsonSchema(): Schema {
  const root = describe(configSchema, '') as Schema & { properties: Record<string, Schema> }
  for (const { path, why } of unsupportedKeys) addUnsupported(root, path.split('.'), `${path} ${why}.`)
  root.properties['loglevel'] = { description: 'Older name of log.level.', type: ['string', 'null'], deprecated: true }
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Configuration of lacre', ...root, type: 'object', required: ['version'] }
}

function describe(schema: z.core.$ZodType, path: string): Schema {
  const inner = unwrap(schema)
  if (inner instanceof z.ZodObject) return section(inner, path)
  if (inner instanceof z.ZodRecord) return { type: ['object', 'null'], additionalProperties: describe(inner.valueType, `${path}.<name>`) }
  if (inner instanceof z.ZodArray) return { type: ['array', 'null'], items: describe(inner.element, `${path}.<n>`) }
  const facts = factsOf(inner)
  return facts ? leaf(facts, schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined) : {}
}

function section({ shape }: z.ZodObject, path: string): Schema {
  const properties = Object.fromEntries(Object.entries(shape).map(([key, child]) => [key, describe(child, path ? `${path}.${key}` : key)]))
  return { type: CHOICES.has(path) ? ['object', 'string', 'null'] : ['object', 'null'], properties, additionalProperties: false }
}

function leaf({ json, description, unit }: KeyFacts, fallback: unknown): Schema {
  const byDefault = fallback === undefined ? {} : { default: unit === 'milliseconds' ? formatDuration(fallback as number) : fallback }
  return { description, anyOf: [json, { type: 'null' }], ...byDefault }
}

/** Known keys of Distribution are not misspelt: an editor shows what becomes of them. */
function addUnsupported(parent: Schema, [key = '', ...rest]: readonly string[], description: string): void {
  const properties = (parent['properties'] ?? {}) as Record<string, Schema>
  parent['properties'] = properties
  if (rest.length === 0) {
    const known = properties[key]
    properties[key] = { ...known, description, deprecated: true, ...(known && { additionalProperties: true }) }
    return
  }
  const below = properties[key] ?? { type: ['object', 'null'], additionalProperties: false }
  properties[key] = below
  addUnsupported(below, rest, description)
}
