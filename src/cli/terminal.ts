import { SingleBar } from 'cli-progress'

/** Bytes for a person, in binary units. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  const value = bytes / 1024 ** power
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`
}

export interface Progress {
  show(done: number): void
  /** A line of output, which a bar on the terminal does not swallow. */
  print(line: string): void
  stop(): void
}

/** A counter on stderr when that is a terminal; lines go to stdout. */
export function startProgress(verb: string): Progress {
  const bar = new SingleBar({ format: `${verb} {value} {bar}`, stream: process.stderr, noTTYOutput: false, clearOnComplete: true, barsize: 20 })
  const isShown = process.stderr.isTTY === true
  if (isShown) bar.start(1, 0)
  return {
    show(done) {
      if (!isShown) return
      bar.setTotal(done + 1)
      bar.update(done)
    },
    print(line) {
      process.stdout.write(`${line}\n`)
    },
    stop() {
      if (isShown) bar.stop()
    },
  }
}
