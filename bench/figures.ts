import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Sizes, VolumeName } from './cases.ts'
import type { LoadGenerator } from './measure.ts'
import { memoryMiB } from './process-figures.ts'
import { type Files, type Program, programs, start, untilIdle } from './programs.ts'
import { median } from './table.ts'

/** One number for each program, and the most lacre's may be. */
export interface Figure {
  readonly name: string
  readonly unit: 'MiB' | 'ms'
  readonly lacre: number
  readonly distribution?: number
  readonly atMost?: number
}

export interface Measuring {
  readonly files: Files
  readonly rounds: number
  readonly load: LoadGenerator
  readonly sizes: Sizes
  readonly rootOf: (program: Program, volume: VolumeName) => string
}

/** Resident memory of a server with nothing to do, and the most of one that receives 32 blobs at once. */
export async function measureMemory({ files, load, sizes, rootOf }: Measuring): Promise<Figure[]> {
  const idle = new Map<string, number>()
  const peak = new Map<string, number>()
  for (const program of programs) {
    const root = rootOf(program, 'small')
    const server = await start(program, files, { root, isTls: true })
    await untilIdle(server)
    idle.set(program.name, memoryMiB(server.pid).now)
    await load.measure(server, { kind: 'push-blob', repository: 'bench/memory', size: sizes.memoryBlob, seed: 0, atOnce: 32, protocol: 'any' })
    peak.set(program.name, memoryMiB(server.pid).peak)
    await server.stop()
    rmSync(root, { recursive: true })
  }
  return [
    { name: 'resident memory with nothing to do', unit: 'MiB', ...both(idle), atMost: 110 },
    { name: `most resident memory, 32 pushes of ${sizes.memoryBlob / 1e6} MB at once`, unit: 'MiB', ...both(peak), atMost: 250 },
  ]
}

/** Milliseconds from the start of the process to its first answer on the large volume; of lacre with and without its index. */
export async function measureStarts(measuring: Measuring): Promise<Figure[]> {
  const times = new Map(['without', 'with', 'Distribution'].map((name) => [name, [] as number[]]))
  for (let round = 0; round < measuring.rounds; round++) {
    for (const program of programs) {
      const root = measuring.rootOf(program, 'large')
      if (program.name === 'lacre') {
        rmSync(join(root, 'lacre/cache'), { recursive: true, force: true })
        times.get('without')?.push(await timeStart(program, measuring, root))
        times.get('with')?.push(await timeStart(program, measuring, root))
      } else times.get('Distribution')?.push(await timeStart(program, measuring, root))
    }
  }
  const [without, indexed, distribution] = [...times.values()].map(median) as [number, number, number]
  const name = `start to first answer, ${measuring.sizes.repositories} repositories`
  return [
    { name: `${name}, with the last index`, unit: 'ms', lacre: indexed, distribution, atMost: 600 },
    { name: `${name}, with no index`, unit: 'ms', lacre: without, distribution, atMost: 1000 },
  ]
}

/** Ends when the server has nothing left to do, so that its index is whole. */
async function timeStart(program: Program, { files }: Measuring, root: string): Promise<number> {
  const server = await start(program, files, { root, isTls: true })
  await untilIdle(server)
  await server.stop()
  return server.firstAnswerMs
}

function both(figures: ReadonlyMap<string, number>): Pick<Figure, 'lacre' | 'distribution'> {
  return { lacre: figures.get('lacre') ?? Number.NaN, distribution: figures.get('Distribution') ?? Number.NaN }
}
