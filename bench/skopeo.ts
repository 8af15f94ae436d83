import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

const run = promisify(execFile)
const LAYER_SIZE = 1024 * 1024

/** `skopeo copy` of an image of random layers, the same for the same seed as long as the load generator lives. */
export interface SkopeoJob {
  readonly kind: 'skopeo'
  readonly direction: 'push' | 'pull'
  readonly repository: string
  readonly layers: number
  readonly seed: number
}

const folder = mkdtempSync(join(tmpdir(), 'lacre-bench-skopeo-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const made = new Map<number, string>()

/** Makes the image, and returns what copies it once. */
export function prepareSkopeo({ direction, repository, layers, seed }: SkopeoJob, origin: string): () => Promise<number> {
  const layout = made.get(seed) ?? writeLayout(join(folder, `image-${seed}`), layers)
  made.set(seed, layout)
  const remote = `docker://${new URL(origin).host}/${repository}:latest`
  const pulled = join(folder, 'pulled')
  const args = direction === 'push' ? ['--dest-tls-verify=false', `oci:${layout}:latest`, remote] : ['--src-tls-verify=false', remote, `dir:${pulled}`]
  return async () => {
    await run('skopeo', ['--insecure-policy', 'copy', '-q', ...args])
    rmSync(pulled, { recursive: true, force: true })
    return 1
  }
}

function writeLayout(path: string, layers: number): string {
  mkdirSync(join(path, 'blobs/sha256'), { recursive: true })
  const write = (mediaType: string, bytes: Buffer) => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(path, 'blobs/sha256', hex), bytes)
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
  }
  const writeJson = (mediaType: string, value: object) => write(mediaType, Buffer.from(JSON.stringify(value)))
  const contents = Array.from({ length: layers }, () => randomBytes(LAYER_SIZE))
  const diffIds = contents.map((bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`)
  const config = writeJson('application/vnd.oci.image.config.v1+json', { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } })
  const descriptors = contents.map((bytes) => write('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(bytes, { level: 0 })))
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = writeJson(mediaType, { schemaVersion: 2, mediaType, config, layers: descriptors })
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' }
  writeFileSync(join(path, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }))
  writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return path
}
