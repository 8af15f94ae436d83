import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runCommand } from './support/command.ts'
import { plantProject } from './support/planted-project.ts'

interface Violation {
  readonly check: string
  readonly why: string
  /** Replaces or joins the files of the clean project. */
  readonly files: Readonly<Record<string, string>>
  /** What the check says, with the place. */
  readonly says: RegExp
}

const run = (statement: string, imports = ''): string =>
  `${imports}\nexport async function run(): Promise<void> {\n  await Promise.resolve()\n  ${statement}\n}\n`

const violations: readonly Violation[] = [
  {
    check: 'types',
    why: 'a string where a number is promised',
    files: { 'src/oci/size.ts': `export function parseSize(text: string): number {\n  return text\n}\n` },
    says: /src\/oci\/size\.ts\(2,3\): error TS2322/,
  },
  {
    check: 'types',
    why: 'an index that may be missing',
    files: { 'src/oci/size.ts': 'export function parseSize(text: string): number {\n  return text.split(" ")[0].length\n}\n' },
    says: /src\/oci\/size\.ts\(2,10\): error TS2532/,
  },
  {
    check: 'lint',
    why: 'a promise of ours that is not awaited',
    files: { 'src/main.ts': `import { run } from './cli/run.ts'\n\nrun()\n` },
    says: /src\/main\.ts:3:1 lint\/nursery\/noFloatingPromises/,
  },
  {
    check: 'lint',
    why: "a promise of Node's that is not awaited",
    files: { 'src/cli/run.ts': run(`rm('x')`, `import { rm } from 'node:fs/promises'\n`) },
    says: /src\/cli\/run\.ts:5: a promise that nobody waits for/,
  },
  {
    check: 'lint',
    why: 'an async listener',
    files: { 'src/cli/run.ts': run(`process.on('exit', async () => await Promise.resolve())`) },
    says: /src\/cli\/run\.ts:4: an async function where nobody waits/,
  },
  {
    check: 'lint',
    why: 'a list of promises that is dropped',
    files: { 'src/cli/run.ts': run(`;[1].map(async (size) => await Promise.resolve(size))`) },
    says: /src\/cli\/run\.ts:4: a promise that nobody waits for/,
  },
  {
    check: 'types',
    why: 'a promise as a condition',
    files: { 'src/cli/run.ts': run(`if (access('x')) return`, `import { access } from 'node:fs/promises'\n`) },
    says: /src\/cli\/run\.ts\(5,7\): error TS2801/,
  },
  {
    check: 'lint',
    why: 'any',
    files: { 'src/oci/size.ts': 'export function parseSize(text: any): number {\n  return Number(text)\n}\n' },
    says: /src\/oci\/size\.ts:1:33 lint\/suspicious\/noExplicitAny/,
  },
  {
    check: 'lint',
    why: 'files that import each other',
    files: {
      'src/oci/size.ts': `import { zero } from './zero.ts'\n\nexport const parseSize = (text: string) => Number(text) + zero()\n`,
      'src/oci/zero.ts': `import { parseSize } from './size.ts'\n\nexport const zero = () => parseSize('0')\n`,
    },
    says: /src\/oci\/size\.ts:1:\d+ lint\/suspicious\/noImportCycles/,
  },
  {
    check: 'lint',
    why: 'a default export',
    files: { 'src/oci/size.ts': 'export default function parseSize(text: string): number {\n  return Number(text)\n}\n' },
    says: /src\/oci\/size\.ts:1:\d+ lint\/style\/noDefaultExport/,
  },
  ...[
    ['an import', `import { memory } from '../volume/memory.ts'\n\nexport const parseSize = () => memory.size\n`],
    ['an import of types', `import type { memory } from '../volume/memory.ts'\n\nexport const parseSize = (of: typeof memory) => of.size\n`],
    ['an export from', `export { memory as parseSize } from '../volume/memory.ts'\n`],
    ['a dynamic import', `export const parseSize = async () => (await import('../volume/memory.ts')).memory.size\n`],
    ['an inline import type', `export const parseSize = (of: typeof import('../volume/memory.ts')) => of.memory.size\n`],
  ].map(
    ([why, text = '']): Violation => ({
      check: 'imports',
      why: `${why} against the table`,
      files: { 'src/oci/size.ts': text },
      says: /src\/oci\/size\.ts:1: oci may not import volume/,
    }),
  ),
  {
    check: 'imports',
    why: 'an adapter outside app.ts',
    files: { 'src/cli/run.ts': run('memory.clear()', `import { memory } from '../volume/memory.ts'\n`) },
    says: /src\/cli\/run\.ts:1: only app\.ts chooses src\/volume\/memory\.ts/,
  },
  {
    check: 'imports',
    why: 'a computed import',
    files: { 'src/cli/run.ts': run('await import(String(1))') },
    says: /src\/cli\/run\.ts:4: a computed import cannot be checked/,
  },
  {
    check: 'imports',
    why: 'input and output in a pure folder',
    files: { 'src/oci/size.ts': `import { statSync } from 'node:fs'\n\nexport const parseSize = (path: string) => statSync(path).size\n` },
    says: /src\/oci\/size\.ts:1: oci is pure: it may not import node:fs/,
  },
  {
    check: 'imports',
    why: 'a development dependency in the program',
    files: { 'src/cli/run.ts': run('await Promise.resolve(version)', `import { version } from 'typescript'\n`) },
    says: /src\/cli\/run\.ts:1: typescript is not among the dependencies/,
  },
  {
    check: 'imports',
    why: 'a folder that the table does not know',
    files: { 'src/extra/size.ts': 'export const size = 1\n', 'src/extra/twice.ts': `export { size } from './size.ts'\n` },
    says: /src\/extra\/twice\.ts:1: src\/extra has no row/,
  },
  ...[
    ['process.env', `process.env['HOME']`, ''],
    ["process['env']", `process['env']['HOME']`, ''],
    ['env out of process', `{ const { env: home } = process; home }`, ''],
    ['env out of node:process', 'environment', `import { env as environment } from 'node:process'\n`],
  ].map(
    ([why = '', statement = '', imports = '']): Violation => ({
      check: 'imports',
      why,
      files: { 'src/cli/run.ts': run(statement, imports) },
      says: /src\/cli\/run\.ts:\d: the environment is read in src\/config\/load\.ts alone/,
    }),
  ),
  {
    check: 'imports',
    why: 'a file of 301 lines',
    files: { 'src/oci/size.ts': `export const parseSize = Number\n${'//\n'.repeat(300)}` },
    says: /src\/oci\/size\.ts:301: 301 lines, at most 300/,
  },
  {
    check: 'imports',
    why: 'a name that says nothing',
    files: { 'src/oci/size-utils.ts': 'export const parseSize = Number\n' },
    says: /src\/oci\/size-utils\.ts:1: "size-utils" says nothing/,
  },
  {
    check: 'exports',
    why: 'an export that only a test uses',
    files: {
      'src/oci/size.ts': `export const parseSize = Number\nexport const parseSizes = (texts: string[]) => texts.map(Number)\n`,
      'src/oci/size.test.ts': `import { parseSizes } from './size.ts'\n\nparseSizes([])\n`,
    },
    says: /parseSizes\s+src\/oci\/size\.ts:2/,
  },
  {
    check: 'exports',
    why: 'a file that nothing uses',
    files: { 'src/oci/weight.ts': 'export const weight = 1\n' },
    says: /Unused files \(1\)\n\s+src\/oci\/weight\.ts/,
  },
  {
    check: 'format',
    why: 'double quotes',
    files: { 'src/oci/size.ts': 'export const parseSize = () => Number("1")\n' },
    says: /src\/oci\/size\.ts format/,
  },
  {
    check: 'format',
    why: 'imports out of order',
    files: { 'src/cli/run.ts': run('rm(join())', `import { join } from 'node:path'\nimport { rm } from 'node:fs/promises'\n`) },
    says: /src\/cli\/run\.ts:1:1 assist\/source\/organizeImports/,
  },
]

describe('scripts/check', { concurrency: 2 }, () => {
  test('finds nothing wrong with a clean project', async () => {
    await using project = await plantProject({})
    const { code, stdout } = await runCommand('sh', ['scripts/check'], { cwd: project.path })
    assert.equal(stdout, 'types    ok\nlint     ok\nimports  ok\nexports  ok\nformat   ok\n')
    assert.equal(code, 0)
  })

  for (const { check, why, files, says } of violations) {
    test(`fails at ${why}: ${check}`, async () => {
      await using project = await plantProject(files)
      const { code, stdout } = await runCommand('sh', ['scripts/check', check], { cwd: project.path })
      assert.match(stdout, new RegExp(`^${check} +FAILED$`, 'm'))
      assert.match(stdout, says)
      assert.equal(code, 1)
    })
  }

  test('runs every check even if the first fails, and ends with 1', async () => {
    await using project = await plantProject({ 'src/oci/size.ts': `export const parseSize: string = Number\n` })
    const { code, stdout } = await runCommand('sh', ['scripts/check'], { cwd: project.path })
    assert.deepEqual(stdout.match(/^\w+ +(?:ok|FAILED)$/gm), ['types    FAILED', 'lint     ok', 'imports  ok', 'exports  ok', 'format   ok'])
    assert.equal(code, 1)
  })
})
