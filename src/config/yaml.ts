import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isSeq,
  isScalar as isYamlScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import type { ConfigProblem } from './config-error.ts'
import { newSection, type Section, type Tree } from './tree.ts'

const DEPTH_LIMIT = 32 // deeper than any key; stops an alias inside its own anchor

/** A text as YAML 1.1 reads it (`yes`, `on` and `0777` have meanings), as Distribution's parser does. */
export interface ReadYaml {
  readonly tree: Tree | undefined
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly ConfigProblem[]
}

interface Reader {
  readonly document: Document
  readonly warnings: ConfigProblem[]
  readonly locate: (node: unknown) => { where: string; line?: number }
}

/**
 * @param source a file's name, or the variable whose value the text is
 * @param isFile whether a line number says anything
 */
export function readYaml(text: string, source: string, isFile: boolean): ReadYaml {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { version: '1.1', uniqueKeys: false, prettyErrors: false, lineCounter })
  const placeOf = (offset: number) => {
    const { line } = lineCounter.linePos(offset)
    return isFile ? { where: `${source}:${line}`, line } : { where: source }
  }
  const problems = document.errors.map((error) => ({ path: '', ...placeOf(error.pos[0]), message: `is not valid YAML: ${lowerFirst(error.message)}` }))
  if (problems.length > 0) return { tree: undefined, problems, warnings: [] }

  const warnings: ConfigProblem[] = []
  const locate = (node: unknown) => placeOf((node as Node | null)?.range?.[0] ?? 0)
  try {
    return { tree: readNode({ document, warnings, locate }, document.contents, '', 0), problems, warnings }
  } catch (error) {
    return { tree: undefined, problems: [{ path: '', where: source, message: `is not usable YAML: ${(error as Error).message}` }], warnings }
  }
}

function readNode(reader: Reader, node: unknown, path: string, depth: number): Tree {
  if (depth > DEPTH_LIMIT) throw new Error(`it nests deeper than ${DEPTH_LIMIT} levels`)
  if (isAlias(node)) return readNode(reader, resolveAlias(reader, node), path, depth + 1)
  if (isMap(node)) return readMap(reader, node, path, depth)
  const place = reader.locate(node)
  if (isSeq(node)) return { kind: 'list', items: node.items.map((item, index) => readNode(reader, item, `${path}[${index}]`, depth + 1)), ...place }
  const value = isYamlScalar(node) ? node.value : null
  const source = isYamlScalar(node) ? node.source : undefined
  return { kind: 'scalar', value, text: typeof value === 'string' ? value : (source ?? ''), ...place }
}

function resolveAlias(reader: Reader, alias: Alias): Node {
  const node = alias.resolve(reader.document)
  if (!node) throw new Error('it names an anchor that does not exist') // without the name: it may be a secret that begins with *
  return node
}

function readMap(reader: Reader, map: YAMLMap, path: string, depth: number): Section {
  const section = newSection(reader.locate(map))
  for (const pair of map.items.filter((item) => !isMerge(item))) {
    const key = keyOf(pair)
    const keyPath = path ? `${path}.${key}` : key
    if (section.entries.has(key)) reader.warnings.push({ path: keyPath, ...reader.locate(pair.key), message: 'is written twice: the last one counts' })
    section.entries.set(key, withLine(readNode(reader, pair.value, keyPath, depth + 1), reader.locate(pair.key)))
  }
  for (const merge of map.items.filter(isMerge)) addMerged(section, readNode(reader, merge.value, path, depth + 1))
  return section
}

/** `<<`: keys that are not there yet, the first map that has one wins. */
function addMerged(section: Section, merged: Tree): void {
  const sources = merged.kind === 'list' ? merged.items : [merged]
  for (const source of sources) {
    if (source.kind !== 'section') continue
    for (const [key, node] of source.entries) if (!section.entries.has(key)) section.entries.set(key, node)
  }
}

function isMerge(pair: Pair): boolean {
  return isYamlScalar(pair.key) && pair.key.type === 'PLAIN' && pair.key.source === '<<'
}

/** Keys are text as written: `on:` is the key "on". */
function keyOf(pair: Pair): string {
  return isYamlScalar(pair.key) ? (pair.key.source ?? String(pair.key.value)) : String(pair.key)
}

/** A map and a list are shown at their key's line, which readers look for. */
function withLine(tree: Tree, place: { where: string; line?: number }): Tree {
  return tree.kind === 'scalar' && tree.value !== null ? tree : { ...tree, ...place }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
