import { z } from 'zod'
import type { Findings } from './config-error.ts'
import { listKeys, unwrap } from './keys.ts'
import { configSchema } from './schema.ts'
import { findNearestName } from './suggest.ts'
import { isNull, newSection, placeOf, type Section, type Tree } from './tree.ts'
import { isBlank, type UnsupportedKey, unsupportedKeys } from './unsupported.ts'

/** Sections whose keys choose an implementation: an unknown one there is an error, as in Distribution. */
const CHOICES: Readonly<Record<string, string>> = { storage: 'storage driver', auth: 'kind of auth' }

/** Compares the keys of a configuration with the schema, and removes those that it does not have, so that the rest can be read. */
export function checkKeys(root: Section, findings: Findings): void {
  checkSection(root, configSchema, '', findings)
}

function checkSection(section: Section, schema: z.ZodObject, path: string, findings: Findings): void {
  for (const [key, node] of [...section.entries]) {
    const keyPath = path ? `${path}.${key}` : key
    const child = Object.hasOwn(schema.shape, key) ? (schema.shape[key] as z.core.$ZodType) : undefined
    const isKept = child ? checkKnown(node, unwrap(child), keyPath, findings) : checkForeign(node, keyPath, findings)
    if (!isKept) section.entries.delete(key)
  }
}

function checkKnown(node: Tree, schema: z.core.$ZodType, path: string, findings: Findings): boolean {
  if (schema instanceof z.ZodArray) return checkItems(node, unwrap(schema.element), path, findings)
  const isSection = schema instanceof z.ZodObject || schema instanceof z.ZodRecord
  if (!isSection) return true
  if (isNull(node)) return false
  if (node.kind !== 'section') {
    findings.problems.push({ path, ...placeOf(node), message: 'takes keys below it, not a single value', ...exampleBelow(path) })
    return false
  }
  if (schema instanceof z.ZodObject) checkSection(node, schema, path, findings)
  return true
}

/** A list of sections, as health's checks are. */
function checkItems(node: Tree, item: z.core.$ZodType, path: string, findings: Findings): boolean {
  if (isNull(node)) return false
  if (node.kind === 'list') {
    for (const [index, child] of node.items.entries()) if (!checkKnown(child, item, `${path}.${index}`, findings)) node.items[index] = newSection(child)
    return true
  }
  findings.problems.push({ path, ...placeOf(node), message: 'takes a list', suggestion: `begin each item of ${path} with "- "` })
  return false
}

/** A key that the schema does not have. Returns whether to keep it: a section of which only parts are foreign stays to be emptied. */
function checkForeign(node: Tree, path: string, findings: Findings, above?: UnsupportedKey): boolean {
  const row = unsupportedKeys.find((candidate) => candidate.path === path) ?? above
  const isPrefix = unsupportedKeys.some((candidate) => candidate.path.startsWith(`${path}.`))
  if (isPrefix && node.kind === 'section') {
    for (const [key, child] of node.entries) checkForeign(child, `${path}.${key}`, findings, row)
    return false
  }
  if (row) return reportUnsupported(row, node, findings)
  if (isPrefix && isNull(node)) return false
  reportUnknown(node, path, findings)
  return false
}

function reportUnsupported(row: UnsupportedKey, node: Tree, findings: Findings): false {
  const { path, effect, why, suggestion } = row
  const isChosen = isChoice(path) // naming a driver chooses it, with or without parameters
  if (isBlank(node) && !isChosen) return false
  if (effect === 'refused') findings.problems.push({ path, ...placeOf(node), message: why, ...(suggestion ? { suggestion } : {}) })
  if (effect === 'ignored') findings.warnings.push({ path, ...placeOf(node), message: why })
  return false
}

function reportUnknown(node: Tree, path: string, findings: Findings): void {
  const meant = findMeant(path)
  const suggestion = meant ? `did you mean ${isVariable(node.where) ? correctVariable(node.where, path, meant) : meant}?` : undefined
  const kind = CHOICES[path.split('.')[0] ?? '']
  if (kind && isChoice(path)) {
    const known = 'run "lacre config keys" to see every key and what it takes'
    findings.problems.push({ path, ...placeOf(node), message: `is no ${kind} that lacre knows`, suggestion: suggestion ?? known })
    return
  }
  const subject = isVariable(node.where) ? { path: '', message: 'sets no known key and is ignored' } : { path, message: 'is no known key and is ignored' }
  findings.warnings.push({ ...subject, ...placeOf(node), ...(suggestion ? { suggestion } : {}) })
}

/** A known key beside it with nearly this name, else a key elsewhere with exactly this name (a wrong indentation). */
function findMeant(path: string): string | undefined {
  const parts = path.split('.')
  const name = parts.at(-1) ?? ''
  const above = parts.slice(0, -1).join('.')
  const beside = findNearestName(name, namesBelow(above))
  if (beside) return above ? `${above}.${beside}` : beside
  const elsewhere = knownPaths().filter((known) => known.endsWith(`.${name.toLowerCase()}`) && !known.includes('<'))
  return elsewhere.length === 1 ? elsewhere[0] : undefined
}

function knownPaths(): string[] {
  const leaves = [...listKeys().map((key) => key.path), ...unsupportedKeys.map((key) => key.path)]
  const sections = leaves.flatMap((path) => path.split('.').map((_, index, parts) => parts.slice(0, index + 1).join('.')))
  return [...new Set(sections)]
}

function namesBelow(path: string): string[] {
  const start = path ? `${path.replaceAll(/\.\d+(?=\.|$)/g, '.<n>')}.` : ''
  return knownPaths()
    .filter((known) => known.startsWith(start))
    .map((known) => known.slice(start.length))
    .filter((name) => !/[.<]/.test(name))
}

function exampleBelow(path: string): { suggestion?: string } {
  const [name] = namesBelow(path)
  return name ? { suggestion: `write ${path}: {${name}: …}` } : {}
}

function isChoice(path: string): boolean {
  const parts = path.split('.')
  return parts.length === 2 && Object.hasOwn(CHOICES, parts[0] ?? '') && !CHOICE_OPTIONS.has(path)
}

/** What stands beside the storage driver without being one. */
export const CHOICE_OPTIONS: ReadonlySet<string> = new Set(['storage.cache', 'storage.delete', 'storage.maintenance', 'storage.redirect', 'storage.tag'])

function isVariable(where: string): boolean {
  return /^REGISTRY_\S*$/.test(where)
}

/** The variable with its misspelt beginning replaced. */
function correctVariable(name: string, path: string, meant: string): string {
  return `REGISTRY_${meant.replaceAll('.', '_').toUpperCase()}${name.slice('REGISTRY_'.length + path.length)}`
}
