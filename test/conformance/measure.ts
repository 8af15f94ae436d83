/** Measures registries by the specification and writes what came of it; `scripts/conformance` says how it is called. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { distribution, underTest } from '../clients/support/registry-server.ts'
import { isInstalled } from './installed.ts'
import { measureWalk } from './measure-walk.ts'
import { type SuiteMeasure, writeSuite, writeWalk } from './report.ts'
import { buildSuite, NotServedError } from './suite-program.ts'
import { runSuite, suiteVersions } from './suite-run.ts'

const NOT_RUN = 3

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { suite: { type: 'string' }, out: { type: 'string', default: join(import.meta.dirname, '../../docs/conformance.md') } },
})
const unknown = positionals.filter((word) => word !== 'walk' && word !== 'suite')
if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')} to measure by: there are walk and suite`)
const wants = (what: string) => positionals.length === 0 || positionals.includes(what)

const programs = (await isInstalled(distribution.name)) ? [underTest, distribution] : [underTest]
const folder = await mkdtemp(join(tmpdir(), 'lacre-conformance-'))
try {
  if (wants('walk')) await walkThrough()
  if (wants('suite')) await askSuite()
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function walkThrough(): Promise<void> {
  const measures = []
  for (const program of programs) {
    const measure = await measureWalk(program, join(folder, 'walk', program.name))
    const untrue = measure.outcomes.filter(({ trouble }) => trouble !== undefined)
    console.log(`walk, ${measure.name}: ${measure.outcomes.length - untrue.length} of ${measure.outcomes.length} claims are true`)
    if (program === underTest) for (const { title, claim, trouble } of untrue) console.log(`  ${title} ${claim}: ${trouble}`)
    if (program === underTest && untrue.length > 0) process.exitCode = 1
    measures.push(measure)
  }
  await writeWalk(values.out, measures)
}

async function askSuite(): Promise<void> {
  try {
    const suite = await buildSuite(join(folder, 'suite'), values.suite && resolve(values.suite))
    const measures: SuiteMeasure[] = []
    for (const version of suiteVersions) {
      for (const program of programs) {
        const measure = await runSuite(program, suite.path, version, join(folder, version, program.name))
        const { name, counts } = measure
        console.log(`suite ${suite.version}, specification ${version}, ${name}: ${counts.pass} pass, ${counts.fail} fail, ${counts.skip} skipped`)
        if (program === underTest && counts.fail + counts.error + counts.skip > 0) process.exitCode = 1
        measures.push(measure)
      }
    }
    await writeSuite(values.out, suite.version, measures)
  } catch (error) {
    if (!(error instanceof NotServedError)) throw error
    console.log(`suite not run: ${error.message}`)
    if (!process.env['CI']) process.exitCode ||= NOT_RUN
  }
}
