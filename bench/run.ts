/**
 * Measures lacre against Distribution (Debian's `docker-registry`), in turns on the same machine:
 *
 *   npm run bench -- [--rounds N] [--quick] [--only PATTERN] [--folder DIR] [--json FILE] [--write]
 *
 * `--write` keeps what was measured in bench/README.md and bench/last.json. Nothing here passes or fails: it prints medians, beside what lacre is to reach.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Case, fullSizes, type Phase, phasesOf, quickSizes, type VolumeName } from './cases.ts'
import { measureCertificates } from './certificates.ts'
import { type Figure, measureMemory, measureStarts } from './figures.ts'
import type { Job } from './jobs.ts'
import { type LargeVolume, writeLargeVolume } from './large-volume.ts'
import { LoadGenerator, type Sample } from './measure.ts'
import { authorizationFor, type Files, type Program, programs, type Running, start, untilIdle } from './programs.ts'
import { formatFigures, formatTable, type Row } from './table.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    folder: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const sizes = values.quick ? quickSizes : fullSizes
const folder = mkdtempSync(join(values.folder ?? tmpdir(), 'lacre-bench-'))
const load = new LoadGenerator()
const volumes = new Map<VolumeName, LargeVolume>()
let seed = 1
try {
  await main()
} finally {
  load.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function main(): Promise<void> {
  say(`${rounds} rounds, ${loadText()}`)
  const files: Files = { folder, ...makeCertificate() }
  const rows: Row[] = []
  for (const phase of phasesOf(sizes)) rows.push(...(await runPhase(phase, files)))
  const figures: Figure[] = []
  const measuring = { files, rounds, load, sizes, rootOf }
  if (isAsked('memory')) figures.push(...(await measureMemory(measuring)))
  if (isAsked('start')) {
    writeVolume('large')
    figures.push(...(await measureStarts(measuring)))
  }
  if (isAsked('certificates')) figures.push(...(await measureCertificates(measuring)))
  const text = [...(rows.length > 0 ? [formatTable(rows)] : []), ...(figures.length > 0 ? [formatFigures(figures)] : [])].join('\n\n')
  console.log(text)
  if (values.write) keepTable(text)
  const json = values.write ? join(import.meta.dirname, 'last.json') : values.json
  if (json) writeFileSync(json, `${JSON.stringify({ rounds, sizes, rows, figures }, null, 2)}\n`)
  say(`${loadText()}; "noise" is what others used of the machine's processors meanwhile`)
}

/** Puts the table where bench/README.md has the last one. */
function keepTable(text: string): void {
  const path = join(import.meta.dirname, 'README.md')
  const page = readFileSync(path, 'utf8')
  writeFileSync(
    path,
    page.replace(/(?<=^```text\n)[^`]*(?=^```)/m, () => `${text.replaceAll(/ +$/gm, '')}\n`),
  )
}

function isAsked(name: string): boolean {
  return new RegExp(values.only).test(name)
}

/** All programs run at once, and are asked in turns. */
async function runPhase(phase: Phase, files: Files): Promise<Row[]> {
  const isAskedCase = ({ name }: Case) => isAsked(`${phase.name}: ${name}`)
  if (!phase.cases(undefined).some(isAskedCase) && !isAsked(phase.name)) return []
  const volume = writeVolume(phase.volume)
  const cases = phase.cases(volume).filter(isAskedCase)
  if (cases.length === 0) return []
  const servers = await Promise.all(programsOf(phase.volume).map((program) => start(program, files, { ...phase, root: rootOf(program, phase.volume) })))
  try {
    for (const server of servers) {
      await untilIdle(server)
      for (const job of phase.setUp) await load.measure(server, job)
    }
    const rows: Row[] = []
    for (const measured of cases) rows.push(await runCase(phase, measured, servers))
    return rows
  } finally {
    for (const server of servers) await server.stop()
    if (phase.volume === 'small') for (const program of programs) rmSync(rootOf(program, 'small'), { recursive: true, force: true })
  }
}

async function runCase(phase: Phase, measured: Case, servers: readonly Running[]): Promise<Row> {
  const samples: Record<Program['name'], Sample[]> = { lacre: [], Distribution: [] }
  for (let round = -1; round < rounds; round++) {
    seed++
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      execFileSync('sync', ['-f', folder]) // nobody pays for what another one wrote
      const sample = await load.measure(server, jobFor(server, phase, measured.job(seed)))
      if (round >= 0) samples[server.program.name].push(sample) // the first round is to get warm
    }
  }
  const { name, unit, wanted = {} } = measured
  const row: Row = { phase: phase.name, name, unit, wanted, lacre: samples.lacre, distribution: samples.Distribution }
  say(formatTable([row]))
  return row
}

function jobFor({ program }: Running, { bcryptCost }: Phase, job: Job): Job {
  if (job.kind !== 'requests') return job
  const count = program.name === 'Distribution' ? (job.slowCount ?? job.count) : job.count
  return { ...job, count, ...(bcryptCost !== undefined && { authorization: authorizationFor() }) }
}

function programsOf(volume: VolumeName): readonly Program[] {
  return volume === 'huge' ? programs.filter(({ name }) => name === 'lacre') : programs
}

function writeVolume(name: VolumeName): LargeVolume | undefined {
  if (name === 'small' || volumes.has(name)) return volumes.get(name)
  const { repositories, manyRepositories, tags } = sizes
  const options = name === 'large' ? { repositories, tags, manifests: 1000 } : { repositories: manyRepositories, tags: 1, manifests: 1 }
  for (const program of programsOf(name)) volumes.set(name, writeLargeVolume(rootOf(program, name), options))
  execFileSync('sync', ['-f', folder])
  return volumes.get(name)
}

function rootOf({ name }: Program, volume: VolumeName): string {
  return join(folder, `${name}-${volume}`)
}

function makeCertificate(): { readonly certificate: string; readonly key: string } {
  const [certificate, key] = [join(folder, 'server.crt'), join(folder, 'server.key')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-keyout', key, '-out', certificate, ...names],
    { stdio: 'ignore' },
  )
  return { certificate, key }
}

function loadText(): string {
  return `load average ${loadavg()
    .map((value) => value.toFixed(1))
    .join(' ')}`
}

function say(line: string): void {
  console.error(`bench: ${line}`)
}
