/** A place in a configuration's sources: a line of the file, a variable, or the built-in defaults. */
export interface Place {
  /** `config.yml:4`, `REGISTRY_HTTP_ADDR` or `default`. */
  readonly where: string
  readonly line?: number
}

/** A value as YAML 1.1 reads it, with the text as it was written: `0123` is the number 83 and the secret `0123`. */
export interface Scalar extends Place {
  readonly kind: 'scalar'
  readonly value: unknown
  readonly text: string
}

export interface List extends Place {
  readonly kind: 'list'
  readonly items: Tree[]
}

export interface Section extends Place {
  readonly kind: 'section'
  readonly entries: Map<string, Tree>
}

/** A configuration before it is checked. */
export type Tree = Scalar | List | Section

export function newSection(place: Place): Section {
  return { kind: 'section', entries: new Map(), ...placeOf(place) }
}

/** A node's place alone. */
export function placeOf({ where, line }: Place): Place {
  return line === undefined ? { where } : { where, line }
}

export function isScalar(value: unknown): value is Scalar {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'scalar'
}

/** YAML's null, which Distribution reads as "not set". */
export function isNull(tree: Tree): boolean {
  return tree.kind === 'scalar' && tree.value === null
}

/** The node at a dotted path's parts, or `undefined` where the path ends early. */
export function findNode(tree: Tree, path: readonly PropertyKey[]): Tree | undefined {
  let node: Tree | undefined = tree
  for (const part of path) node = node?.kind === 'section' ? node.entries.get(String(part)) : node?.kind === 'list' ? node.items[Number(part)] : undefined
  return node
}

/** The deepest node on the way to `path`: what to show when the key itself was not written. */
export function findNearest(tree: Tree, path: readonly PropertyKey[]): Tree {
  for (let length = path.length; length > 0; length--) {
    const node = findNode(tree, path.slice(0, length))
    if (node) return node
  }
  return tree
}

/** Plain objects and arrays whose leaves are scalars; nulls are left out. */
export function toPlain(tree: Tree): unknown {
  if (tree.kind === 'scalar') return tree
  if (tree.kind === 'list') return tree.items.map(toPlain)
  return Object.fromEntries([...tree.entries].filter(([, node]) => !isNull(node)).map(([key, node]) => [key, toPlain(node)]))
}
