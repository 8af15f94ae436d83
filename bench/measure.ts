import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Job } from './jobs.ts'
import type { Order, Outcome } from './load.ts'
import { cpuSeconds, machineSeconds } from './process-figures.ts'
import type { Running } from './programs.ts'

/** One measurement of one program. */
export interface Sample {
  /** Bytes of transfers, else how many times it was done. */
  readonly amount: number
  readonly seconds: number
  /** Of the server. */
  readonly cpuSeconds: number
  /** Share of the machine's processor time that neither server nor load generator used, 0 to 1. */
  readonly noise: number
}

/** The process that plays the clients. */
export class LoadGenerator {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'load.ts'))
  }

  /** Prepares a job, then does it while the server is watched. */
  async measure(server: Running, job: Job): Promise<Sample> {
    await this.#tell({ prepare: job, origin: server.origin })
    const before = this.#readClocks(server)
    const outcome = await this.#tell({ go: true })
    const after = this.#readClocks(server)
    if (!('amount' in outcome)) throw new Error('the load generator did nothing')
    const machine = after.machine.all - before.machine.all
    const others = after.machine.busy - before.machine.busy - (after.server - before.server) - (after.load - before.load)
    return { ...outcome, cpuSeconds: after.server - before.server, noise: machine > 0 ? Math.max(0, others / machine) : 0 }
  }

  stop(): void {
    this.#child.disconnect()
  }

  async #tell(order: Order): Promise<Outcome> {
    this.#child.send(order)
    const [outcome] = (await once(this.#child, 'message')) as [Outcome]
    if ('error' in outcome) throw new Error(outcome.error)
    return outcome
  }

  #readClocks({ pid }: Running) {
    return { server: cpuSeconds(pid), load: cpuSeconds(this.#child.pid ?? -1), machine: machineSeconds() }
  }
}
