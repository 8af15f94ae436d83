import assert from 'node:assert/strict'
import { digestOf } from '../../src/oci/digest.ts'
import type { Client, HttpReply, HttpRequest } from './http-client.ts'
import type { Image } from './images.ts'
import { ABSENT, cellOf, type Effect, type Ledger, PRESENT } from './ledger.ts'
import { pathOf } from './registry.ts'

/** The server refused, which is an answer; nothing was promised. */
export class RefusedError extends Error {}

/** A client over HTTP that writes down what it was promised, and can check it. */
export class HttpUser {
  readonly #http: Client
  readonly #ledger: Ledger

  constructor(http: Client, ledger: Ledger) {
    this.#http = http
    this.#ledger = ledger
  }

  async pushImage(repository: string, image: Image, ...tags: string[]): Promise<void> {
    for (const blob of image.blobs) await this.pushBlob(repository, blob)
    for (const tag of tags) await this.putManifest(repository, image, tag)
  }

  /** In two pieces, so that a kill may come between them. */
  async pushBlob(repository: string, bytes: Buffer): Promise<void> {
    const digest = digestOf(bytes)
    await this.#during([{ cell: cellOf.blob(repository, digest), value: PRESENT }], async () => {
      const started = await this.#send('POST', `/v2/${repository}/blobs/uploads/`)
      const half = await this.#send('PATCH', pathOf(started.headers.location), { body: bytes.subarray(0, bytes.length >> 1) })
      const path = pathOf(half.headers.location)
      await this.#send('PUT', `${path}${path.includes('?') ? '&' : '?'}digest=${digest}`, { body: bytes.subarray(bytes.length >> 1) })
    })
  }

  async putManifest(repository: string, { manifest, digest }: Image, tag: string): Promise<void> {
    const effects = [
      { cell: cellOf.manifest(repository, digest), value: PRESENT },
      { cell: cellOf.tag(repository, tag), value: digest },
    ]
    const { mediaType } = JSON.parse(manifest.toString()) as { mediaType: string }
    await this.#during(effects, () => this.#send('PUT', `/v2/${repository}/manifests/${tag}`, { body: manifest, headers: { 'content-type': mediaType } }))
  }

  async mount(repository: string, bytes: Buffer, from: string): Promise<void> {
    const digest = digestOf(bytes)
    await this.#during([{ cell: cellOf.blob(repository, digest), value: PRESENT }], async () => {
      const { status } = await this.#send('POST', `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`)
      if (status !== 201) throw new RefusedError('not mounted')
    })
  }

  async deleteTag(repository: string, tag: string): Promise<void> {
    await this.#during([{ cell: cellOf.tag(repository, tag), value: ABSENT }], () => this.#send('DELETE', `/v2/${repository}/manifests/${tag}`))
  }

  async deleteManifest(repository: string, digest: string, tags: readonly string[]): Promise<void> {
    const effects = tags.map((tag) => ({ cell: cellOf.tag(repository, tag), value: ABSENT, onlyIf: digest }))
    await this.#during([{ cell: cellOf.manifest(repository, digest), value: ABSENT }, ...effects], () =>
      this.#send('DELETE', `/v2/${repository}/manifests/${digest}`),
    )
  }

  async deleteBlob(repository: string, digest: string): Promise<void> {
    await this.#during([{ cell: cellOf.blob(repository, digest), value: ABSENT }], () => this.#send('DELETE', `/v2/${repository}/blobs/${digest}`))
  }

  /** Checks every cell, what shown manifests name, and that tags listed are tags served. Returns how many answers were checked. */
  async verify(): Promise<number> {
    const states = new Map<string, string>()
    for (const cell of this.#ledger.cells) {
      const state = await this.#stateOf(cell)
      states.set(cell, state)
      assert.ok(this.#ledger.allowed(cell).has(state), `${cell} is ${state}, not ${[...this.#ledger.allowed(cell)].join(' or ')}`)
    }
    for (const repository of new Set(this.#ledger.cells.map((cell) => cell.split(' ')[1] ?? ''))) await this.#verifyList(repository, states)
    return states.size
  }

  async #verifyList(repository: string, states: ReadonlyMap<string, string>): Promise<void> {
    const reply = await this.#http.get(`/v2/${repository}/tags/list`)
    const listed = reply.status === 404 ? [] : reply.json<{ tags: string[] }>().tags
    const served = [...states].filter(([cell, state]) => cell.startsWith(`tag ${repository} `) && state !== ABSENT).map(([cell]) => cell.split(' ')[2] ?? '')
    assert.deepEqual(listed.toSorted(), served.sort(), `the list of ${repository} and what is served differ`)
  }

  async #stateOf(cell: string): Promise<string> {
    const [kind, repository = '', name = ''] = cell.split(' ')
    const reply = await this.#http.get(`/v2/${repository}/${kind === 'blob' ? 'blobs' : 'manifests'}/${name}`)
    if (reply.status === 404) return ABSENT
    assert.equal(reply.status, 200, `${cell}: ${reply.text.slice(0, 200)}`)
    const digest = digestOf(reply.body)
    assert.equal(digest, kind === 'tag' ? reply.headers['docker-content-digest'] : name, `${cell} has other bytes`)
    if (kind !== 'blob') await this.#verifyBlobs(repository, reply)
    return kind === 'tag' ? digest : PRESENT
  }

  async #verifyBlobs(repository: string, manifest: HttpReply): Promise<void> {
    const { config, layers } = manifest.json<{ config: { digest: string }; layers: { digest: string }[] }>()
    for (const { digest } of [config, ...layers]) {
      const { status } = await this.#http.send('HEAD', `/v2/${repository}/blobs/${digest}`)
      assert.ok(status === 200 || this.#ledger.isDeleted(cellOf.blob(repository, digest)), `${repository} shows a manifest without its blob ${digest}`)
    }
  }

  async #during(effects: readonly Effect[], work: () => Promise<unknown>): Promise<void> {
    await this.#ledger.during(effects, work)
  }

  async #send(method: string, path: string, request: HttpRequest = {}): Promise<HttpReply> {
    const reply = await this.#http.send(method, path, request)
    if (reply.status >= 400 && reply.status < 500) throw new RefusedError(`${method} ${path}: ${reply.status}`)
    assert.ok(reply.status < 400, `${method} ${path}: ${reply.status} ${reply.text.slice(0, 200)}`)
    return reply
  }
}
