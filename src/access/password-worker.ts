import { parentPort } from 'node:worker_threads'
import { hashSync, verifySync } from '@node-rs/bcrypt'
import type { PasswordJob, PasswordReply } from './password-workers.ts'

parentPort?.on('message', (job: PasswordJob) => parentPort?.postMessage(run(job)))

function run(job: PasswordJob): PasswordReply {
  try {
    if (job.kind === 'verify') return { kind: 'verified', matches: verifySync(job.password, job.hash) }
    // @NOTE $2b$ and $2y$ are the same algorithm; Apache's library knows only the second.
    return { kind: 'hashed', hash: hashSync(job.password, job.cost).replace(/^\$2b\$/, '$2y$') }
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
}
