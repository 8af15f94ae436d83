import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { SpecVersion } from './chapter.ts'
import type { Outcome, WalkMeasure } from './measure-walk.ts'

export interface SuiteCounts {
  readonly pass: number
  readonly fail: number
  readonly skip: number
  readonly error: number
  /** By the suite's own configuration for that version of the specification. */
  readonly disabled: number
}

export interface SuiteMeasure {
  readonly name: string
  /** Of the specification. */
  readonly version: string
  readonly counts: SuiteCounts
  /** Names of the tests, each as often as it occurred. */
  readonly failed: readonly string[]
  readonly skipped: readonly string[]
}

const FRAME = `# Conformance

How lacre keeps to the [OCI distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md), beside Distribution
from Debian on the same machine. \`scripts/conformance\` measures, and writes this page. Both are configured to allow what the specification allows and
\`registry:2\` does not by itself: deletion (\`storage.delete.enabled\`) and layers that stay at URLs of their own (\`validation.manifests.urls.allow\`).

## OCI's own suite

<!-- suite: begin -->
Not run yet: \`scripts/conformance suite\` builds it where Go is installed and the module proxy serves
\`github.com/opencontainers/distribution-spec/conformance\`; \`scripts/conformance suite --suite DIR\` takes its source from a folder.
<!-- suite: end -->

## The walk

\`test/conformance\` walks through the specification's endpoints in our own words, with everything that people push and every way to push it. Each
claim is true or not, and \`npm test\` holds lacre to all of them. Some are about what a registry may leave out: a POST that brings its blob, mounts
that name no source, ranges, deletion, sha512, layers that stay elsewhere.

<!-- walk: begin -->
<!-- walk: end -->
`

/** Puts the outcome of a walk in its place on the page. */
export async function writeWalk(path: string, measures: readonly WalkMeasure[]): Promise<void> {
  const table = tableOf(
    ['specification', ...measures.map(({ name }) => name)],
    [
      ['1.0', ...measures.map((measure) => shareOf(measure, ['1.0']))],
      ['1.1', ...measures.map((measure) => shareOf(measure, ['1.0', '1.1']))],
      ['1.1 and what its main branch adds', ...measures.map((measure) => shareOf(measure, ['1.0', '1.1', 'dev']))],
    ],
  )
  const lists = measures.map(({ name, outcomes }) => listOf(`not true of ${name}`, outcomes.filter(({ trouble }) => trouble !== undefined).map(sentenceOf)))
  await replaceSection(path, 'walk', [table, ...lists].filter(Boolean).join('\n'))
}

/** Puts the outcome of OCI's suite in its place on the page. */
export async function writeSuite(path: string, suiteVersion: string, measures: readonly SuiteMeasure[]): Promise<void> {
  const rows = measures.map(({ name, version, counts: { pass, fail, error, skip, disabled } }) =>
    [version, name, pass, fail + error, skip, disabled].map(String),
  )
  const lists = measures.flatMap(({ name, version, failed, skipped }) => [
    listOf(`${name}, ${version}, failed`, failed),
    listOf(`${name}, ${version}, skipped or disabled`, skipped),
  ])
  const table = tableOf(['specification', 'registry', 'pass', 'fail', 'skipped', 'disabled by the suite'], rows)
  await replaceSection(path, 'suite', [`Suite: ${suiteVersion}.\n`, table, ...lists].filter(Boolean).join('\n'))
}

function shareOf({ outcomes }: WalkMeasure, versions: readonly SpecVersion[]): string {
  const asked = outcomes.filter(({ version }) => versions.includes(version))
  return `${asked.filter(({ trouble }) => trouble === undefined).length} of ${asked.length}`
}

function sentenceOf({ section, title, claim }: Outcome): string {
  return `${section}: ${title} ${claim}`
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('')
}

/** Folded; equal lines are one, with their number. */
function listOf(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return ''
  const counted = [...Map.groupBy(lines, (line) => line)].map(([line, same]) => `- ${line}${same.length > 1 ? ` (${same.length} times)` : ''}`)
  return `<details><summary>${title}: ${lines.length}</summary>\n\n${counted.join('\n')}\n\n</details>\n`
}

async function replaceSection(path: string, name: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const page = await readPage(path)
  const [begin, end] = [`<!-- ${name}: begin -->\n`, `<!-- ${name}: end -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${path} has no place for the ${name}: remove it, and it is made anew`)
  await writeFile(path, page.slice(0, from + begin.length) + text + page.slice(to))
}

async function readPage(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return FRAME
    throw error
  }
}
