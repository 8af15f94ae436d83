import { findNode, type Tree } from './tree.ts'

/** Effective keys with their values, sections dissolved: `http.tls.clientcas` → list. */
export function flatten(config: object): [path: readonly string[], value: unknown][] {
  return Object.entries(config).flatMap(([key, value]): [readonly string[], unknown][] => {
    const isSection = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (!isSection) return value === undefined ? [] : [[[key], value]]
    return flatten(value).map(([path, leaf]) => [[key, ...path], leaf])
  })
}

/** Where each effective key comes from; what the sources do not name is the schema's `default`. */
export function findSources(config: object, tree: Tree): Map<string, string> {
  return new Map(flatten(config).map(([path]) => [path.join('.'), sourceOf(findNode(tree, path))]))
}

function sourceOf(node: Tree | undefined): string {
  if (!node || (node.kind === 'scalar' && node.value === null)) return 'default'
  return node.where
}
