import type { Case } from './cases.ts'
import type { Sample } from './measure.ts'

/** Samples of one case, by program. */
export interface Row {
  readonly phase: string
  readonly name: string
  readonly unit: Case['unit']
  readonly lacre: readonly Sample[]
  readonly distribution: readonly Sample[]
}

/** How a sample reads, for each unit: what a person would call its speed, and what it costs the server. */
const READINGS = {
  bytes: {
    speed: ({ amount, seconds }: Sample) => amount / 1e6 / seconds,
    speedUnit: 'MB/s',
    cost: ({ amount, cpuSeconds }: Sample) => (cpuSeconds / amount) * 1024 ** 3,
    costUnit: 's/GiB',
  },
  requests: {
    speed: ({ amount, seconds }: Sample) => amount / seconds,
    speedUnit: '/s',
    cost: ({ amount, cpuSeconds }: Sample) => (cpuSeconds / amount) * 1e6,
    costUnit: 'µs',
  },
  things: {
    speed: ({ amount, seconds }: Sample) => (seconds / amount) * 1000,
    speedUnit: 'ms',
    cost: ({ amount, cpuSeconds }: Sample) => (cpuSeconds / amount) * 1000,
    costUnit: 'ms',
  },
} as const

const HEADER = ['', 'lacre', 'Distribution', 'ratio', 'CPU lacre', 'CPU Distribution', 'ratio', 'noise'] as const

/** Medians, and lacre's divided by Distribution's. */
export function formatTable(rows: readonly Row[]): string {
  const lines: (readonly string[])[] = []
  for (const [at, row] of rows.entries()) {
    if (row.phase !== rows[at - 1]?.phase) lines.push([`# ${row.phase}`], HEADER)
    lines.push(formatRow(row))
  }
  const widths = HEADER.map((_, column) => Math.max(...lines.map((line) => (line.length > 1 ? (line[column]?.length ?? 0) : 0))))
  return lines
    .map((line) => line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '))
    .join('\n')
}

function formatRow({ name, unit, lacre, distribution }: Row): string[] {
  const { speed, speedUnit, cost, costUnit } = READINGS[unit]
  const speeds = [median(lacre.map(speed)), median(distribution.map(speed))] as const
  const costs = [median(lacre.map(cost)), median(distribution.map(cost))] as const
  const noise = median([...lacre, ...distribution].map((sample) => sample.noise))
  return [
    name,
    ...speeds.map((value) => `${formatNumber(value)} ${speedUnit}`),
    (speeds[0] / speeds[1]).toFixed(2),
    ...costs.map((value) => `${formatNumber(value)} ${costUnit}`),
    (costs[0] / costs[1]).toFixed(2),
    `${Math.round(noise * 100)} %`,
  ]
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

export function formatNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
