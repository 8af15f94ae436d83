import { runInNewContext } from 'node:vm'
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
  type YAMLError,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import type { ConfigProblem } from './config-error.ts'
import { type List, newSection, type Scalar, type Section, type Tree } from './tree.ts'

const DEPTH_LIMIT = 32 // deeper than any key
const NODES_LIMIT = 50_000 // more than a file of 1 MiB has without aliases of aliases
const BRACKETS_LIMIT = 500
const SHORT = 2000 // characters, which the parser reads at once whatever they are
const TIME_LIMIT_MS = 5000 // some texts take the parser a time that grows with the square of their length

/** A text as YAML 1.1 reads it (`yes`, `on` and `0777` have meanings), as Distribution's parser does. */
export interface ReadYaml {
  readonly tree: Tree | undefined
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly ConfigProblem[]
}

interface Reader {
  readonly document: Document
  readonly warnings: ConfigProblem[]
  /** The nodes that are being read, from the outermost. */
  readonly path: Set<unknown>
  nodes: number
  readonly locate: (node: unknown) => { where: string; line?: number }
}

/**
 * @param source a file's name, or the variable whose value the text is
 * @param isFile whether a line number says anything
 */
export function readYaml(text: string, source: string, isFile: boolean): ReadYaml {
  if (bracketDepth(text) > BRACKETS_LIMIT) return unusable(source, 'it nests too deep')
  if (text.length <= SHORT) return read(text, source, isFile)
  try {
    return runInNewContext('read()', { read: () => read(text, source, isFile) }, { timeout: TIME_LIMIT_MS }) as ReadYaml
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    return unusable(source, 'it takes too long to read')
  }
}

function unusable(where: string, message: string): ReadYaml {
  return { tree: undefined, problems: [{ path: '', where, message: `is not usable YAML: ${message}` }], warnings: [] }
}

/** How many brackets are open at once at most, quoted ones counted too: a parser that meets a million of them runs out of memory. */
function bracketDepth(text: string): number {
  let depth = 0
  let deepest = 0
  for (const char of text) {
    if (char === '[' || char === '{') deepest = Math.max(deepest, ++depth)
    if (char === ']' || char === '}') depth--
  }
  return deepest
}

function read(text: string, source: string, isFile: boolean): ReadYaml {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { version: '1.1', uniqueKeys: false, prettyErrors: false, lineCounter })
  const placeOf = (offset: number) => {
    const { line } = lineCounter.linePos(offset)
    return isFile ? { where: `${source}:${line}`, line } : { where: source }
  }
  const [others, errors] = [true, false].map((isOther) => document.errors.filter(({ code }) => (code === 'MULTIPLE_DOCS') === isOther)) as [
    YAMLError[],
    YAMLError[],
  ]
  const problems = errors.map((error) => ({ path: '', ...placeOf(error.pos[0]), message: `is not valid YAML: ${sentenceOf(error)}` }))
  if (problems.length > 0) return { tree: undefined, problems, warnings: [] }

  const warnings: ConfigProblem[] = others.map(({ pos }) => ({
    path: '',
    ...placeOf(pos[0]),
    message: 'and what follows is ignored: only the first document counts',
  }))
  const locate = (node: unknown) => placeOf((node as Node | null)?.range?.[0] ?? 0)
  try {
    return { tree: readNode({ document, warnings, locate, path: new Set(), nodes: 0 }, document.contents, '', 0), problems, warnings }
  } catch (error) {
    return unusable(source, (error as Error).message)
  }
}

function readNode(reader: Reader, node: unknown, path: string, depth: number): Tree {
  if (depth > DEPTH_LIMIT) throw new Error(`it nests deeper than ${DEPTH_LIMIT} levels`)
  if (++reader.nodes > NODES_LIMIT) throw new Error(`it has more than ${NODES_LIMIT} values: its aliases stand for too much`)
  if (isAlias(node)) return readNode(reader, resolveAlias(reader, node), path, depth + 1)
  if (!isMap(node) && !isSeq(node)) return readScalar(node, reader.locate(node))
  if (reader.path.has(node)) throw new Error('an alias stands inside its own anchor')
  reader.path.add(node)
  const tree = isMap(node) ? readMap(reader, node, path, depth) : readList(reader, node, path, depth)
  reader.path.delete(node)
  return tree
}

function readList(reader: Reader, list: YAMLSeq, path: string, depth: number): List {
  const items = list.items.map((item, index) => readNode(reader, item, `${path}[${index}]`, depth + 1))
  return { kind: 'list', items, ...reader.locate(list) }
}

function readScalar(node: unknown, place: { where: string; line?: number }): Scalar {
  if (!isYamlScalar(node)) return { kind: 'scalar', value: null, text: '', ...place }
  const { value, source = '' } = node
  const isSexagesimal = typeof value === 'number' && source.includes(':') // 1:30, which Distribution's parser takes for a text
  return { kind: 'scalar', value: isSexagesimal ? source : value, text: typeof value === 'string' ? value : source, ...place }
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

function sentenceOf({ message }: Error): string {
  if (/call stack/.test(message)) return 'it nests too deep'
  const [sentence = ''] = message.split(': ', 1) // what follows is the text itself, which may be a secret
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
