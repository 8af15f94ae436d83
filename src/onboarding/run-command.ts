import { execFile } from 'node:child_process'
import { OnboardingError } from './onboarding-error.ts'

/** Runs a program to its end, without a shell. @throws OnboardingError with what it said, if it is not there or fails. */
export async function runCommand([program = '', ...rest]: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  execFile(program, rest, (error, _stdout, stderr) => {
    if (!error) resolve()
    else reject(explain(program, rest, error, stderr))
  })
  await promise
}

function explain(program: string, rest: readonly string[], cause: Error & { code?: unknown }, stderr: string): OnboardingError {
  if (cause.code === 'ENOENT') return new OnboardingError(`there is no program ${program} here`, { hint: `install it, or put it in the PATH`, cause })
  return new OnboardingError(`${program} ${rest[0] ?? ''} failed: ${stderr.trim() || cause.message}`, { hint: 'see what it says', cause })
}
