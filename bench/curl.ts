import { execFile } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** One or more transfers of blobs by curl, a process each, all at once. */
export interface BlobJob {
  readonly kind: 'pull-blob' | 'push-blob'
  readonly repository: string
  /** In bytes. */
  readonly size: number
  /** The bytes are the same for the same size and seed, and others for each of several pushes at once. */
  readonly seed: number
  readonly atOnce: number
  /** `any` is what curl does by itself: HTTP/2 where the server offers it over TLS. */
  readonly protocol: 'any' | 'http1.1'
}

const folder = mkdtempSync(join(tmpdir(), 'lacre-bench-load-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

/** Makes the files and sums, and returns what transfers them: how many bytes that were. */
export function prepareBlobs(job: BlobJob, origin: string): () => Promise<number> {
  const transfer = job.kind === 'pull-blob' ? pullBlob : pushBlob
  const flags = job.protocol === 'http1.1' ? ['--http1.1'] : []
  const part = (at: number): number => (job.kind === 'push-blob' ? at : 0)
  const contents = Array.from({ length: job.atOnce }, (_, at) => makeContent(job.size, `${job.seed}-${part(at)}`, part(at)))
  return async () => {
    await Promise.all(contents.map((content) => transfer(`${origin}/v2/${job.repository}/blobs`, content, flags)))
    return job.size * job.atOnce
  }
}

interface Content {
  readonly path: string
  readonly digest: string
}

function makeContent(size: number, label: string, slot: number): Content {
  const bytes = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(size)) // nothing that compresses
  bytes.write(label.padEnd(32))
  const path = join(folder, `${size}-${slot}`)
  writeFileSync(path, bytes)
  return { path, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` }
}

async function pullBlob(url: string, { digest }: Content, flags: readonly string[]): Promise<void> {
  await curl(['-o', '/dev/null', ...flags, `${url}/${digest}`], 200)
}

/** A session, then all bytes in one request: what a client does that knows the digest before it sends. */
async function pushBlob(url: string, { path, digest }: Content, flags: readonly string[]): Promise<void> {
  const head = await curl(['-X', 'POST', '-D', '-', '-o', '/dev/null', ...flags, `${url}/uploads/`], 202)
  const location = /^location: *(\S+)/im.exec(head)?.[1] ?? ''
  await curl(['-T', path, '-o', '/dev/null', ...flags, `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`], 201)
}

async function curl(args: readonly string[], status: number): Promise<string> {
  const { stdout } = await run('curl', ['-sSk', '--tlsv1.3', '-w', '\\n%{http_code}', ...args])
  if (!stdout.endsWith(`\n${status}`)) throw new Error(`curl ${args.join(' ')}: ${stdout}, not ${status}`)
  return stdout
}
