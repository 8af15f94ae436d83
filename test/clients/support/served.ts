import { digestOf, type Endpoint, getBlob, getManifest, listRepositories, listTags } from './registry-client.ts'
import type { Ledger } from './turn-images.ts'

/** What a registry answers for everything that a ledger knows: one line per list (sorted), tag, manifest and blob. */
export type Served = Record<string, string>

const GONE = 'not served'

/** Asks for every list, tag, manifest and blob, with bytes, digests and media types. */
export async function readServed(endpoint: Endpoint, ledger: Ledger): Promise<Served> {
  const served: Served = { catalog: (await listRepositories(endpoint)).toSorted().join(' ') }
  for (const repository of ledger.manifests.keys()) {
    const tags = (await listTags(endpoint, repository)).toSorted()
    served[`${repository} tags`] = tags.join(' ')
    for (const tag of tags) served[`${repository}:${tag}`] = await manifestLine(endpoint, repository, tag)
  }
  for (const [repository, digests] of ledger.manifests) {
    for (const digest of digests) served[`${repository}@${digest}`] = await manifestLine(endpoint, repository, digest)
  }
  for (const [repository, digests] of ledger.blobs) {
    for (const digest of digests) served[blobKey(repository, digest)] = await blobLine(endpoint, repository, digest)
  }
  return served
}

/** `before` without the blobs that no served manifest needs and that `after` no longer has: what a collection may take. */
export async function withoutCollected(endpoint: Endpoint, ledger: Ledger, before: Served, after: Served): Promise<Served> {
  const live = await liveBlobs(endpoint, ledger)
  const left = { ...before }
  for (const [repository, digests] of ledger.blobs) {
    for (const digest of digests) {
      const key = blobKey(repository, digest)
      if (!live.has(digest) && after[key] === GONE) left[key] = GONE
    }
  }
  return left
}

function blobKey(repository: string, digest: string): string {
  return `${repository} blob ${digest}`
}

async function manifestLine(endpoint: Endpoint, repository: string, reference: string): Promise<string> {
  const { status, headers, body } = await getManifest(endpoint, repository, reference)
  if (status === 404) return GONE
  return `${status} ${headers['content-type']} ${headers['docker-content-digest']} ${digestOf(body)}`
}

async function blobLine(endpoint: Endpoint, repository: string, digest: string): Promise<string> {
  const { status, headers, body } = await getBlob(endpoint, repository, digest)
  if (status === 404) return GONE
  return `${status} ${headers['content-type']} ${headers['docker-content-digest']} ${digestOf(body)}`
}

async function liveBlobs(endpoint: Endpoint, ledger: Ledger): Promise<Set<string>> {
  const live = new Set<string>()
  for (const [repository, digests] of ledger.manifests) {
    for (const digest of digests) {
      const { status, body } = await getManifest(endpoint, repository, digest)
      if (status !== 200) continue
      const manifest = JSON.parse(body.toString()) as { config?: { digest: string }; layers?: { digest: string }[] }
      for (const used of [manifest.config, ...(manifest.layers ?? [])]) if (used) live.add(used.digest)
    }
  }
  return live
}
