import { randomFillSync } from 'node:crypto'
import { Connection } from './connection.ts'
import { type BlobJob, prepareBlobs } from './curl.ts'
import { prepareSkopeo, type SkopeoJob } from './skopeo.ts'
import { type Content, contentOf, Transfer } from './transfer.ts'

/** What the load generator is told to do, as plain data. */
export type Job =
  | BlobJob
  | SkopeoJob
  | {
      readonly kind: 'push-images'
      readonly repository: string
      readonly images: number
      readonly layers: number
      readonly atOnce: number
      readonly seed: number
    }
  | {
      readonly kind: 'requests'
      readonly method: 'GET' | 'HEAD'
      readonly path: string
      readonly accept: string
      readonly count: number
      /** Instead of `count` for Distribution, where it would take it too long. */
      readonly slowCount?: number
      readonly connections: number
      /** Sent with each request, as `Authorization`. */
      readonly authorization?: string
    }
  | { readonly kind: 'pages'; readonly path: string; readonly pages: number; readonly times: number }

/** Work that is ready to go: how much was done (bytes of transfers, else how many times). */
export type Ready = () => Promise<number>

/** Everything that costs time and is not the server's, ahead of the measurement. */
export async function prepare(job: Job, origin: string): Promise<Ready> {
  switch (job.kind) {
    case 'pull-blob':
    case 'push-blob':
      return prepareBlobs(job, origin)
    case 'skopeo':
      return prepareSkopeo(job, origin)
    case 'requests':
      return prepareRequests(job, origin)
    case 'pages':
      return closing(origin, (transfer) => preparePages(job, transfer))
    case 'push-images':
      return closing(origin, (transfer) => preparePushImages(job, transfer))
  }
}

function closing(origin: string, prepareWork: (transfer: Transfer) => Ready): Ready {
  const transfer = new Transfer(origin)
  const work = prepareWork(transfer)
  return async () => {
    try {
      return await work()
    } finally {
      transfer.close()
    }
  }
}

function preparePages({ path, pages, times }: Extract<Job, { kind: 'pages' }>, transfer: Transfer): Ready {
  return async () => {
    for (let time = 0; time < times; time++) await transfer.readPages(path, pages)
    return times
  }
}

const LAYER_SIZE = 64 * 1024

function preparePushImages({ repository, images, layers, atOnce, seed }: Extract<Job, { kind: 'push-images' }>, transfer: Transfer): Ready {
  const prepared = Array.from({ length: images }, (_, at) => makeImage(layers, `${seed} ${at}`))
  return async () => {
    for (const [at, { blobs, manifest }] of prepared.entries()) {
      const rest = blobs.values()
      const pusher = async (): Promise<void> => {
        for (const blob of rest) await transfer.pushBlob(`${repository}-${at}`, blob)
      }
      await Promise.all(Array.from({ length: atOnce }, pusher))
      await transfer.putManifest(`${repository}-${at}`, 'latest', manifest)
    }
    return images
  }
}

function makeImage(layers: number, label: string): { readonly blobs: readonly Content[]; readonly manifest: Buffer } {
  const blobs = Array.from({ length: layers }, () => contentOf(randomFillSync(Buffer.alloc(LAYER_SIZE))))
  const config = contentOf(Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Labels: { label } } })))
  const describe = (mediaType: string, { bytes, digest }: Content) => ({ mediaType, digest, size: bytes.length })
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: describe('application/vnd.oci.image.config.v1+json', config),
    layers: blobs.map((blob) => describe('application/vnd.oci.image.layer.v1.tar+gzip', blob)),
  }
  return { blobs: [...blobs, config], manifest: Buffer.from(JSON.stringify(manifest)) }
}

async function prepareRequests(
  { method, path, accept, count, connections, authorization }: Extract<Job, { kind: 'requests' }>,
  origin: string,
): Promise<Ready> {
  const pool = await Promise.all(Array.from({ length: connections }, () => Connection.open(origin)))
  const credentials = authorization === undefined ? '' : `Authorization: ${authorization}\r\n`
  const text = `${method} ${path} HTTP/1.1\r\nHost: ${new URL(origin).host}\r\nAccept: ${accept}\r\nUser-Agent: bench\r\n${credentials}\r\n`
  return async () => {
    let left = count
    const asker = async (connection: Connection): Promise<void> => {
      if (method === 'HEAD') connection.expectNoBodies()
      while (left-- > 0) await connection.ask(text)
      connection.close()
    }
    await Promise.all(pool.map(asker))
    return count
  }
}
