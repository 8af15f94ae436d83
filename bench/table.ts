import type { Case, Wanted } from './cases.ts'
import type { Figure } from './figures.ts'
import type { Sample } from './measure.ts'

/** Samples of one case, by program. */
export interface Row {
  readonly phase: string
  readonly name: string
  readonly unit: Case['unit']
  readonly wanted: Wanted
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

const HEADER = ['', 'lacre', 'Distribution', 'times as fast', 'CPU lacre', 'CPU Distribution', 'CPU ratio', 'to reach', 'noise'] as const

/** Medians of both programs; how many times as fast lacre is, and its processor time divided by Distribution's. */
export function formatTable(rows: readonly Row[]): string {
  const lines: (readonly string[])[] = []
  for (const [at, row] of rows.entries()) {
    if (row.phase !== rows[at - 1]?.phase) lines.push([`# ${row.phase}`], HEADER)
    lines.push(formatRow(row))
  }
  return formatColumns(lines)
}

function formatColumns(lines: readonly (readonly string[])[]): string {
  const count = Math.max(...lines.map((line) => line.length))
  const widths = Array.from({ length: count }, (_, column) => Math.max(...lines.map((line) => (line.length > 1 ? (line[column]?.length ?? 0) : 0))))
  return lines
    .map((line) => line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '))
    .join('\n')
}

function formatRow({ name, unit, wanted, lacre, distribution }: Row): string[] {
  const { speed, speedUnit, cost, costUnit } = READINGS[unit]
  const speeds = [median(lacre.map(speed)), median(distribution.map(speed))] as const
  const costs = [median(lacre.map(cost)), median(distribution.map(cost))] as const
  const timesAsFast = unit === 'things' ? speeds[1] / speeds[0] : speeds[0] / speeds[1]
  const cpuRatio = costs[0] / costs[1]
  const noise = median([...lacre, ...distribution].map((sample) => sample.noise))
  return [
    name,
    ...speeds.map((value) => formatMedian(value, speedUnit)),
    formatRatio(timesAsFast),
    ...costs.map((value) => formatMedian(value, costUnit)),
    formatRatio(cpuRatio),
    formatWanted(wanted, { timesAsFast, cpuRatio, ms: speeds[0] }),
    `${Math.round(noise * 100)} %`,
  ]
}

const SIGNS = { timesAsFast: '≥', cpuRatio: '≤', ms: '≤' } as const

/** What was to be reached; a `!` where it was not. */
function formatWanted(wanted: Wanted, reached: Required<Wanted>): string {
  const keys = Object.keys(wanted) as (keyof Wanted)[]
  return keys
    .map((key) => {
      const limit = wanted[key] ?? Number.NaN
      const isReached = SIGNS[key] === '≥' ? reached[key] >= limit : reached[key] <= limit
      return `${SIGNS[key]} ${limit}${key === 'ms' ? ' ms' : key === 'cpuRatio' ? ' CPU' : 'x'}${isReached ? '' : ' !'}`
    })
    .join(', ')
}

/** Numbers that are not ratios. */
export function formatFigures(figures: readonly Figure[]): string {
  const lines = figures.map(({ name, unit, lacre, distribution = Number.NaN, atMost }) => {
    const wanted = atMost === undefined ? '' : `≤ ${atMost} ${unit}${lacre <= atMost ? '' : ' !'}`
    return [name, formatMedian(lacre, unit), formatMedian(distribution, unit), wanted]
  })
  return formatColumns([['', 'lacre', 'Distribution', 'to reach'], ...lines])
}

function formatMedian(value: number, unit: string): string {
  return Number.isNaN(value) ? '' : `${formatNumber(value)} ${unit}`
}

function formatRatio(value: number): string {
  return Number.isNaN(value) ? '' : value.toFixed(2)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

function formatNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
