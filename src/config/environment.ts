import type { ConfigProblem, Findings } from './config-error.ts'
import { isNull, type List, newSection, type Section, type Tree } from './tree.ts'
import { readYaml } from './yaml.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'REGISTRY_'
export const CONFIGURATION_PATH = 'REGISTRY_CONFIGURATION_PATH'

/** Variables whose names a shell cannot hand on, as `bin/launch.sh` keeps them: `NAME=value`, a line each. */
const KEPT = 'LACRE_VARIABLES'

/** The environment as this program was started with, before a shell lost `REGISTRY_HTTP_HEADERS_X-A`. */
export function wholeEnvironment(environment: Environment): Environment {
  const kept = environment[KEPT]?.split('\n').map((line): [string, string] => {
    const equals = line.indexOf('=')
    return [line.slice(0, equals), line.slice(equals + 1).replaceAll('\u0001', '\n')]
  })
  return kept ? { ...Object.fromEntries(kept), ...environment } : environment
}

/** Variables with our prefix that belong to others: podman and skopeo keep their credentials file in REGISTRY_AUTH_FILE. */
const FOREIGN: ReadonlySet<string> = new Set([CONFIGURATION_PATH, 'REGISTRY_AUTH_FILE'])

/** Go's field names where they differ from the key in the file; the environment goes by Go's. */
const GO_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  health: { FILECHECKERS: 'file', HTTPCHECKERS: 'http', TCPCHECKERS: 'tcp' },
  notifications: { EVENTCONFIG: 'events' },
  'log.hooks': { MAILOPTIONS: 'options' },
}

/**
 * Writes `REGISTRY_*` over a configuration, as Distribution does: `_` goes one level down, a value is YAML 1.1, names are
 * sorted so that a parent comes before its children, and a value for a section replaces the whole section.
 *
 * @see Distribution configuration/parser.go
 */
export function applyEnvironment(root: Section, environment: Environment, findings: Findings): void {
  for (const [name, value] of findVariables(environment)) applyVariable(root, name, value, findings)
}

/** The variables that are meant for us, by name. */
export function findVariables(environment: Environment): [name: string, value: string][] {
  return Object.entries(environment)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .filter(([name, value]) => name.startsWith(PREFIX) && !FOREIGN.has(name) && !isFromKubernetes(name, value))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Kubernetes gives every pod the addresses of its services: one called `registry` gives REGISTRY_PORT=tcp://…. */
function isFromKubernetes(name: string, value: string): boolean {
  if (/_SERVICE_HOST$|_SERVICE_PORT(?:_[A-Z0-9_]+)?$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name)) return true
  return name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value)
}

function applyVariable(root: Section, name: string, value: string, { problems, warnings }: Findings): void {
  const pieces = name.slice(PREFIX.length).split('_')
  if (pieces.some((piece) => piece === '') || !/^[A-Z]/.test(pieces[0] ?? ''))
    return void warnings.push({ path: '', where: name, message: 'sets no known key and is ignored' })
  if (pieces[0] === 'VERSION') return void warnings.push({ path: '', where: name, message: 'is ignored: the version is that of the file' })

  const read = readYaml(value, name, false)
  if (!read.tree) return void problems.push(...read.problems.map((problem) => toProblem(problem, name, pieces)))
  if (isLost(read.tree, value)) {
    const message = 'reads as empty, because YAML gives its first character a meaning'
    warnings.push({ path: '', where: name, message, suggestion: 'put quotes inside the value' })
  }
  const trouble = setAt(root, pieces, read.tree, name)
  if (trouble?.kind === 'problem') problems.push({ path: trouble.path, where: name, message: trouble.message })
  if (trouble?.kind === 'unknown') warnings.push({ path: '', where: name, message: 'sets no known key and is ignored' })
  if (trouble?.kind === 'ignored') warnings.push({ path: '', where: name, message: `is ignored: ${trouble.message}` })
}

function toProblem(problem: ConfigProblem, name: string, pieces: readonly string[]): ConfigProblem {
  const suggestion = `values of variables are YAML: put quotes inside, for example ${name}='"…"'`
  return { ...problem, path: pieces.join('.').toLowerCase(), where: name, suggestion }
}

function isLost(tree: Tree, value: string): boolean {
  return tree.kind === 'scalar' && (tree.value === null || tree.value === '') && /^[#!&]/.test(value.trim())
}

interface Trouble {
  readonly kind: 'problem' | 'ignored' | 'unknown'
  readonly path: string
  readonly message: string
}

function setAt(root: Section, pieces: readonly string[], value: Tree, name: string): Trouble | undefined {
  let node: Section | List = root
  const path: string[] = []
  for (const [index, piece] of pieces.entries()) {
    const isLast = index === pieces.length - 1
    if (node.kind === 'section' && piece !== piece.toUpperCase() && !hasFreeNames(path)) return { kind: 'unknown', path: '', message: '' }
    const key: string = node.kind === 'list' ? piece : keyIn(node, path.join('.'), piece)
    path.push(key)
    if (node.kind === 'list' && !(Number(piece) <= node.items.length)) {
      return { kind: 'problem', path: path.join('.'), message: `is no item of a list of ${node.items.length}` }
    }
    const existing: Tree | undefined = node.kind === 'list' ? node.items[Number(piece)] : node.entries.get(key)
    const next: Tree = isLast ? value : existing && !isNull(existing) ? existing : newNode(pieces[index + 1], name)
    if (node.kind === 'list') node.items[Number(piece)] = next
    else node.entries.set(key, next)
    if (index === 0) chooseType(root, key)
    if (isLast) return undefined
    if (next.kind === 'scalar') return { kind: 'ignored', path: path.join('.'), message: `${path.join('.')} is a single value` }
    node = next
  }
  return undefined
}

/** Whether a section is a map in Go, whose keys a variable may write in any case; the fields of its structs are in capitals. */
function hasFreeNames([first, ...rest]: readonly string[]): boolean {
  return first === 'storage' || first === 'auth' || first === 'middleware' || /^(?:headers|fields)$/.test(rest.at(-1) ?? '')
}

/** An existing key in any case, else the piece in lower case. */
function keyIn(section: Section, path: string, piece: string): string {
  const goName = GO_NAMES[path]?.[piece]
  if (goName) return goName
  return [...section.entries.keys()].find((key) => key.toUpperCase() === piece.toUpperCase()) ?? piece.toLowerCase()
}

function newNode(nextPiece: string | undefined, where: string): Section | List {
  return /^\d+$/.test(nextPiece ?? '') ? { kind: 'list', items: [], where } : newSection({ where })
}

/**
 * `storage: filesystem` and `REGISTRY_AUTH=htpasswd` name a driver or kind without parameters. One that is written without a
 * value is chosen all the same, so that a forgotten indentation never turns authentication off.
 */
export function chooseType(root: Section, key: string): void {
  if (key !== 'storage' && key !== 'auth') return
  const node = root.entries.get(key)
  if (node?.kind === 'scalar' && node.value !== null) {
    root.entries.set(key, { ...newSection(node), entries: new Map([[node.text, newSection(node)]]) })
  } else if (node?.kind === 'section') {
    for (const [name, child] of node.entries) if (isNull(child)) node.entries.set(name, newSection(child))
  }
}
