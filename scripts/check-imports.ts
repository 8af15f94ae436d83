/** Checks what the linter cannot: who may import whom, who may read the environment, and the size and names of files. */
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import {
  isBindingElement,
  isCallExpression,
  isElementAccessExpression,
  isExportDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportSpecifier,
  isImportTypeNode,
  isLiteralTypeNode,
  isNoSubstitutionTemplateLiteral,
  isPropertyAccessExpression,
  isStringLiteral,
  isVariableDeclaration,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { descendants, type Finding, finding, type ProjectFile, readProject, report } from './project.ts'

/** Folder or file right under src → the folders and files there whose code it may use, besides its own. */
const importTable: Readonly<Record<string, readonly string[]>> = {
  oci: [],
  config: [],
  pki: [],
  observability: ['oci'],
  volume: ['oci'],
  metadata: ['oci', 'pki'],
  registry: ['oci', 'metadata', 'volume'],
  notifications: ['oci', 'metadata'],
  access: ['oci', 'metadata'],
  onboarding: ['pki', 'access', 'metadata'],
  http: ['oci', 'registry', 'notifications', 'access', 'onboarding', 'pki', 'observability'],
  cli: [
    'app.ts',
    'grants.ts',
    'webhooks.ts',
    'config',
    'observability',
    'oci',
    'volume',
    'metadata',
    'registry',
    'notifications',
    'access',
    'onboarding',
    'pki',
  ],
  'settings.ts': ['access', 'config', 'http', 'observability', 'registry'],
  'grants.ts': ['access', 'volume'],
  'webhooks.ts': ['config', 'observability', 'volume', 'metadata', 'notifications'],
  'acme.ts': ['config', 'http', 'observability', 'volume', 'pki'],
  'renewal.ts': ['config', 'metadata', 'observability', 'pki'],
  'certificates.ts': ['acme.ts', 'renewal.ts', 'config', 'http', 'observability', 'volume', 'pki'],
  'report.ts': ['observability', 'registry'],
  'app.ts': [
    'grants.ts',
    'certificates.ts',
    'report.ts',
    'settings.ts',
    'webhooks.ts',
    'oci',
    'config',
    'pki',
    'observability',
    'volume',
    'metadata',
    'registry',
    'notifications',
    'access',
    'onboarding',
    'http',
  ],
  'main.ts': ['cli'],
}

/** Implementations of a port: chosen in app.ts, unknown elsewhere. */
const adapters = ['src/volume/filesystem.ts', 'src/volume/memory.ts']

/** The folders that stay free of input and output, and the built-in modules that are. */
const pureFolders: Readonly<Record<string, readonly string[]>> = { oci: ['node:crypto', 'node:buffer'] }

const environmentReader = 'src/config/load.ts'
const lineLimit = 300
const dependencies = Object.keys((JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies?: object }).dependencies ?? {})
const bannedNames = /^(?:index|types|common|misc)$|(?:^|-)(?:utils?|helpers?|manager|service)(?:-|$)/

report(readProject(process.cwd(), ({ files }) => files.flatMap(checkFile)))

function checkFile(file: ProjectFile): Finding[] {
  const isTest = file.path.endsWith('.test.ts')
  const inSource = file.path.startsWith('src/')
  return [
    ...checkName(file),
    ...(inSource ? checkLength(file) : []),
    ...(inSource && !isTest ? [...checkImports(file), ...checkEnvironment(file)] : []), // tests may use whatever they test
  ]
}

function checkName(file: ProjectFile): Finding[] {
  const name = posix.basename(file.path).split('.')[0] ?? ''
  return bannedNames.test(name) ? [{ path: file.path, line: 1, message: `"${name}" says nothing: name the file after its one noun` }] : []
}

function checkLength(file: ProjectFile): Finding[] {
  const lines = file.source.text.trimEnd().split('\n').length
  return lines > lineLimit ? [{ path: file.path, line: lines, message: `${lines} lines, at most ${lineLimit}: these are two nouns` }] : []
}

function checkImports(file: ProjectFile): Finding[] {
  return importSpecifiers(file).flatMap(({ node, text }) => {
    const trouble = refuseImport(file.path, text)
    return trouble ? [finding(file, node, trouble)] : []
  })
}

/** `import … from`, `export … from`, `import('…')` and the types of both. */
function importSpecifiers(file: ProjectFile): { node: Node; text: string }[] {
  return descendants(file.source).flatMap((node) => {
    const specifier = findSpecifier(node)
    if (specifier === undefined) return []
    return [{ node, text: isStringLiteral(specifier) || isNoSubstitutionTemplateLiteral(specifier) ? specifier.text : '' }]
  })
}

function findSpecifier(node: Node): Node | undefined {
  if (isImportDeclaration(node) || isExportDeclaration(node)) return node.moduleSpecifier
  if (isImportTypeNode(node)) return isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument
  return isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword ? node.arguments[0] : undefined
}

function refuseImport(importer: string, specifier: string): string | undefined {
  const from = placeOf(importer)
  const allowed = importTable[from]
  if (!allowed) return `src/${from} has no row in the table of scripts/check-imports.ts`
  if (specifier === '') return 'a computed import cannot be checked: write the path as it is'
  if (!specifier.startsWith('.')) return refuseModule(from, specifier)

  const target = posix.join(posix.dirname(importer), specifier)
  if (!target.startsWith('src/')) return `src may not import ${target}`
  if (target.endsWith('.test.ts')) return 'a test may not be imported'
  const to = placeOf(target)
  if (to !== from && !allowed.includes(to)) return `${from} may not import ${to}`
  if (adapters.includes(target) && from !== 'app.ts') return `only app.ts chooses ${target}`
  return undefined
}

function refuseModule(from: string, specifier: string): string | undefined {
  const allowed = pureFolders[from]
  if (allowed && !allowed.includes(specifier)) return `${from} is pure: it may not import ${specifier}`
  const isInstalled = dependencies.some((name) => specifier === name || specifier.startsWith(`${name}/`))
  return specifier.startsWith('node:') || isInstalled ? undefined : `${specifier} is not among the dependencies of package.json`
}

/** `src/http/v2/blobs.ts` → `http`; `src/app.ts` → `app.ts`. */
function placeOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function checkEnvironment(file: ProjectFile): Finding[] {
  if (file.path === environmentReader) return []
  return descendants(file.source)
    .filter(readsEnvironment)
    .map((node) => finding(file, node, `the environment is read in ${environmentReader} alone`))
}

/** `process.env`, `process['env']`, `const { env } = process`, `import { env } from 'node:process'`. */
function readsEnvironment(node: Node): boolean {
  if (isPropertyAccessExpression(node)) return node.name.text === 'env' && isProcess(node.expression)
  if (isElementAccessExpression(node)) return isProcess(node.expression)
  if (isBindingElement(node)) return isVariableDeclaration(node.parent.parent) && isProcess(node.parent.parent.initializer) && nameOf(node) === 'env'
  return isImportSpecifier(node) && nameOf(node) === 'env' && node.parent.parent.parent.getText().includes('process')
}

/** The name at the source of `{ env: environment }` and `{ env as environment }`. */
function nameOf(node: { readonly propertyName?: Node | undefined; readonly name?: Node | undefined }): string | undefined {
  return (node.propertyName ?? node.name)?.getText()
}

function isProcess(node: Node | undefined): boolean {
  if (node === undefined) return false
  if (isPropertyAccessExpression(node)) return node.name.text === 'process' // globalThis.process
  return isIdentifier(node) && node.text === 'process'
}
