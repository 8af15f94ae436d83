import { execFile } from 'node:child_process'

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string>>
}

/** Runs a command to its end. Of the environment it gets PATH and HOME, and what is given: nothing of the test runner's. */
export function runCommand(file: string, args: readonly string[], { cwd, environment }: CommandOptions = {}): Promise<Outcome> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment }
  return new Promise((resolve, reject) => {
    execFile(file, [...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number')
        reject(error) // it did not run, or a signal ended it
      else resolve({ code: Number(error?.code ?? 0), stdout, stderr })
    })
  })
}
