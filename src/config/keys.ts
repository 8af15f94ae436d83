import { z } from 'zod'
import { configSchema } from './schema.ts'
import type { KeyFacts } from './values.ts'

/** A key of the schema with what a reader may know of it. `<name>` stands for a name that the configuration chooses, `<n>` for a place in a list. */
export interface ConfigKey extends KeyFacts {
  readonly path: string
  /** The effective value when nobody sets it; absent where there is none. */
  readonly fallback?: unknown
}

/** Every key, in the schema's order. */
export function listKeys(): ConfigKey[] {
  return collect(configSchema, '')
}

/** The schema below optional, default and prefault. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return unwrap(schema.def.innerType)
  return schema
}

/** The facts of a key by its path, also of one in a section whose names are free; `undefined` for a section or an unknown key. */
export function findKeyFacts(path: readonly PropertyKey[]): KeyFacts | undefined {
  let schema: z.core.$ZodType | undefined = configSchema
  for (const part of path) {
    const inner: z.core.$ZodType | undefined = schema && unwrap(schema)
    if (inner instanceof z.ZodObject) schema = Object.hasOwn(inner.shape, part) ? inner.shape[String(part)] : undefined
    else if (inner instanceof z.ZodRecord) schema = inner.valueType
    else if (inner instanceof z.ZodArray) schema = inner.element
    else return factsOf(inner)
  }
  return factsOf(schema && unwrap(schema))
}

/** What a leaf of the schema says of itself; `undefined` for a section. */
export function factsOf(schema: z.core.$ZodType | undefined): KeyFacts | undefined {
  const facts = schema && z.globalRegistry.get(schema)
  return facts && 'type' in facts ? (facts as unknown as KeyFacts) : undefined
}

function collect(schema: z.core.$ZodType, path: string): ConfigKey[] {
  const inner = unwrap(schema)
  if (inner instanceof z.ZodObject) return Object.entries(inner.shape).flatMap(([key, child]) => collect(child, path ? `${path}.${key}` : key))
  if (inner instanceof z.ZodRecord) return collect(inner.valueType, `${path}.<name>`)
  if (inner instanceof z.ZodArray) return collect(inner.element, `${path}.<n>`)
  const facts = factsOf(inner)
  if (!facts) return []
  return [{ path, ...facts, ...(schema instanceof z.ZodDefault ? { fallback: schema.def.defaultValue } : {}) }]
}
