import { createHash } from 'node:crypto'
import { type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'

/** Where a registry is and how to talk to it. */
export interface Endpoint {
  readonly url: string
  readonly ca?: string
  /** Takes any certificate: for a look whether somebody answers. */
  readonly isUnverified?: boolean
  /** A client certificate and its key. */
  readonly cert?: string
  readonly key?: string
  readonly user?: string
  readonly password?: string
}

export interface Question {
  readonly method: string
  /** A path with its query, or a whole URL as a `Location` gives it. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string | undefined
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Whether the connection ended before the body was whole. */
  readonly isCut: boolean
}

export const ociManifestType = 'application/vnd.oci.image.manifest.v1+json'
export const ociIndexType = 'application/vnd.oci.image.index.v1+json'
export const dockerManifestType = 'application/vnd.docker.distribution.manifest.v2+json'
export const dockerListType = 'application/vnd.docker.distribution.manifest.list.v2+json'
const manifestTypes = [ociManifestType, ociIndexType, dockerManifestType, dockerListType].join(', ')

export function digestOf(bytes: Uint8Array | string, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

/** One request on a connection of its own, the path sent as it is written. */
export function send(endpoint: Endpoint, question: Question): Promise<Answer> {
  const base = new URL(endpoint.url)
  const path = question.path.startsWith('http') ? question.path.slice(new URL(question.path).origin.length) : question.path
  const request = base.protocol === 'https:' ? requestTls : requestPlain
  const authorization = endpoint.user === undefined ? {} : { auth: `${endpoint.user}:${endpoint.password ?? ''}` }
  const headers = { 'Content-Length': String(Buffer.byteLength(question.body ?? '')), ...question.headers }
  const { method } = question
  const options = {
    method,
    path,
    headers,
    host: base.hostname.replace(/^\[|\]$/g, ''),
    port: base.port,
    agent: false,
    ca: endpoint.ca,
    cert: endpoint.cert,
    key: endpoint.key,
    rejectUnauthorized: !endpoint.isUnverified,
    ...authorization,
  }
  return new Promise((resolve, reject) => {
    const outgoing = request(options, (response) => {
      receive(response).then((body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, ...body }), reject)
    })
    outgoing.on('error', reject).setTimeout(60_000, () => outgoing.destroy(new Error(`${method} ${path}: no answer for a minute`)))
    outgoing.end(question.body)
  })
}

async function receive(response: IncomingMessage): Promise<{ body: Buffer; isCut: boolean }> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
    return { body: Buffer.concat(chunks), isCut: false }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
    return { body: Buffer.concat(chunks), isCut: true }
  }
}

/** Sends and insists on a status; gives the answer. */
async function expect(endpoint: Endpoint, status: number, question: Question): Promise<Answer> {
  const answer = await send(endpoint, question)
  if (answer.status !== status) throw new Error(`${question.method} ${question.path}: ${answer.status}, not ${status}: ${answer.body.toString()}`)
  return answer
}

/** Pushes bytes by POST and PUT; gives their digest. */
export async function pushBlob(endpoint: Endpoint, repository: string, bytes: Uint8Array, algorithm = 'sha256'): Promise<string> {
  const digest = digestOf(bytes, algorithm)
  const start = await expect(endpoint, 202, { method: 'POST', path: `/v2/${repository}/blobs/uploads/` })
  const location = start.headers.location ?? ''
  const headers = { 'Content-Type': 'application/octet-stream' }
  await expect(endpoint, 201, { method: 'PUT', path: `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`, headers, body: bytes })
  return digest
}

export async function mountBlob(endpoint: Endpoint, repository: string, digest: string, from: string): Promise<number> {
  const answer = await send(endpoint, { method: 'POST', path: `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}` })
  return answer.status
}

/** Pushes a manifest under a tag or its digest; gives its digest. */
export async function pushManifest(endpoint: Endpoint, repository: string, reference: string, bytes: Uint8Array, type = ociManifestType): Promise<string> {
  const headers = { 'Content-Type': type }
  await expect(endpoint, 201, { method: 'PUT', path: `/v2/${repository}/manifests/${reference}`, headers, body: bytes })
  return digestOf(bytes)
}

export function getManifest(endpoint: Endpoint, repository: string, reference: string): Promise<Answer> {
  return send(endpoint, { method: 'GET', path: `/v2/${repository}/manifests/${reference}`, headers: { Accept: manifestTypes } })
}

export function getBlob(endpoint: Endpoint, repository: string, digest: string): Promise<Answer> {
  return send(endpoint, { method: 'GET', path: `/v2/${repository}/blobs/${digest}` })
}

export function deleteManifest(endpoint: Endpoint, repository: string, digest: string): Promise<Answer> {
  return expect(endpoint, 202, { method: 'DELETE', path: `/v2/${repository}/manifests/${digest}` })
}

export function deleteBlob(endpoint: Endpoint, repository: string, digest: string): Promise<Answer> {
  return expect(endpoint, 202, { method: 'DELETE', path: `/v2/${repository}/blobs/${digest}` })
}

/** The tags of a repository; none when it is unknown or has none. */
export async function listTags(endpoint: Endpoint, repository: string): Promise<string[]> {
  const answer = await send(endpoint, { method: 'GET', path: `/v2/${repository}/tags/list` })
  if (answer.status === 404) return []
  const listed = JSON.parse(answer.body.toString()) as { tags: string[] | null }
  return listed.tags ?? []
}

export async function listRepositories(endpoint: Endpoint): Promise<string[]> {
  const answer = await expect(endpoint, 200, { method: 'GET', path: '/v2/_catalog?n=1000' })
  return (JSON.parse(answer.body.toString()) as { repositories: string[] }).repositories
}
