/**
 * Measures lacre against Distribution (Debian's `docker-registry`), in turns on the same machine:
 *
 *   node bench/run.ts [--rounds N] [--quick] [--only TEXT] [--folder DIR]
 *
 * Nothing here passes or fails: it prints medians.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Case, fullSizes, type Phase, phasesOf, quickSizes } from './cases.ts'
import { type LargeVolume, writeLargeVolume } from './large-volume.ts'
import { LoadGenerator, type Sample } from './measure.ts'
import { memoryMiB } from './process-figures.ts'
import { type Files, type Program, programs, type Running, start, untilIdle } from './programs.ts'
import { formatNumber, formatTable, median, type Row } from './table.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    folder: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const sizes = values.quick ? quickSizes : fullSizes
const folder = mkdtempSync(join(values.folder ?? tmpdir(), 'lacre-bench-'))
const load = new LoadGenerator()
let seed = 0
try {
  await main()
} finally {
  load.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function main(): Promise<void> {
  say(
    `${rounds} rounds, load average ${loadavg()
      .map((value) => value.toFixed(1))
      .join(' ')}`,
  )
  const files: Files = { folder, ...makeCertificate() }
  const volumes = programs.map((program) => writeLargeVolume(rootOf(program, true), { ...sizes, manifests: 1000 }))
  execFileSync('sync', ['-f', folder])
  const rows: Row[] = []
  for (const phase of phasesOf(sizes, volumes[0] as LargeVolume)) rows.push(...(await runPhase(phase, files)))
  console.log(formatTable(rows))
  if (''.includes(values.only)) console.log(await measureStarts(files))
  say(
    `load average ${loadavg()
      .map((value) => value.toFixed(1))
      .join(' ')}; "noise" is what others used of the machine's processors meanwhile`,
  )
}

/** Both programs run at once, and are asked in turns. */
async function runPhase(phase: Phase, files: Files): Promise<Row[]> {
  const cases = phase.cases.filter(({ name }) => `${phase.name}: ${name}`.includes(values.only))
  if (cases.length === 0) return []
  const servers = await Promise.all(programs.map((program) => start(program, files, { root: rootOf(program, phase.isLarge), isTls: phase.isTls })))
  try {
    for (const server of servers) {
      await untilIdle(server)
      for (const job of phase.setUp) await load.measure(server, job).catch(() => undefined) // an earlier phase may have pushed it
    }
    const rows: Row[] = []
    for (const measured of cases) rows.push(await runCase(phase, measured, servers))
    for (const server of servers) say(`${phase.name}: ${server.program.name} has ${formatMemory(server)}`)
    return rows
  } finally {
    for (const server of servers) await server.stop()
  }
}

async function runCase(phase: Phase, measured: Case, servers: readonly Running[]): Promise<Row> {
  const samples: Record<Program['name'], Sample[]> = { lacre: [], Distribution: [] }
  for (let round = -1; round < rounds; round++) {
    seed++
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      execFileSync('sync', ['-f', folder]) // nobody pays for what another one wrote
      const sample = await load.measure(server, measured.job(seed))
      if (round >= 0) samples[server.program.name].push(sample) // the first round is to get warm
    }
  }
  say(`${phase.name}: ${measured.name}`)
  return { phase: phase.name, name: measured.name, unit: measured.unit, lacre: samples.lacre, distribution: samples.Distribution }
}

/** Time to the first answer and memory then, on the large volume. */
async function measureStarts(files: Files): Promise<string> {
  const lines = [`# start with ${sizes.repositories} repositories`]
  const firstAnswers = new Map(programs.map(({ name }) => [name, [] as number[]]))
  const memories = new Map(programs.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    for (const program of programs) {
      const server = await start(program, files, { root: rootOf(program, true), isTls: false })
      firstAnswers.get(program.name)?.push(server.firstAnswerMs)
      memories.get(program.name)?.push(memoryMiB(server.pid).now)
      await server.stop()
    }
  }
  for (const { name } of programs) {
    const [ms, mib] = [firstAnswers, memories].map((figures) => formatNumber(median(figures.get(name) ?? [])))
    lines.push(`${name}: first answer after ${ms} ms, ${mib} MiB then`)
  }
  return lines.join('\n')
}

function formatMemory({ pid }: Running): string {
  const { now, peak } = memoryMiB(pid)
  return `${formatNumber(now)} MiB, at most ${formatNumber(peak)} MiB`
}

function rootOf({ name }: Program, isLarge: boolean): string {
  return join(folder, `${name}-${isLarge ? 'large' : 'small'}`)
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

function say(line: string): void {
  console.error(`bench: ${line}`)
}
