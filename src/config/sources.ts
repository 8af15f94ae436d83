import { findNode, type Tree } from './tree.ts'

/** Effective keys with their values, sections and lists of them dissolved: `http.tls.clientcas` → list, `health.file.0.file` → text. */
export function flatten(config: object): [path: readonly string[], value: unknown][] {
  return Object.entries(config).flatMap(([key, value]): [readonly string[], unknown][] => {
    if (value === undefined) return []
    if (!isSection(value) && !isListOfSections(value)) return [[[key], value]]
    return flatten(value).map(([path, leaf]) => [[key, ...path], leaf])
  })
}

function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isListOfSections(value: unknown): value is object[] {
  return Array.isArray(value) && value.length > 0 && value.every(isSection)
}

/** Where each effective key comes from; what the sources do not name is the schema's `default`. */
export function findSources(config: object, tree: Tree): Map<string, string> {
  return new Map(flatten(config).map(([path]) => [path.join('.'), sourceOf(findNode(tree, path))]))
}

function sourceOf(node: Tree | undefined): string {
  if (!node || (node.kind === 'scalar' && node.value === null)) return 'default'
  return node.where
}
