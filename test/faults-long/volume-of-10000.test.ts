import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { parseRepositoryName, type RepositoryName } from '../../src/oci/name.ts'
import { parseReference, parseTag, type Tag } from '../../src/oci/reference.ts'
import { getBlob } from '../../src/registry/blobs.ts'
import { getManifest } from '../../src/registry/manifests.ts'
import { closeRegistry } from '../../src/registry/registry.ts'
import { listRepositories } from '../../src/registry/repositories.ts'
import { settleAll } from '../../src/registry/settle.ts'
import { listTags } from '../../src/registry/tags.ts'
import { FilesystemDriver } from '../../src/volume/filesystem.ts'
import { blobData, layerLink, parentOf, revisionLink, tagCurrentLink, tagHistoryLink } from '../../src/volume/layout.ts'
import { type Image, imageOf } from '../support/images.ts'
import { type LacreProcess, startLacre } from '../support/lacre-process.ts'
import { openOn } from '../support/on-driver.ts'

const REPOSITORIES = 10_000
const TAGS = 20_000
const LARGE = parseRepositoryName('large/one')
const images = Array.from({ length: 10 }, (_, number) => imageOf(`image ${number}`))

test('a volume of 10,000 repositories and one of 20,000 tags, without an index, is served within a second and settled within 30', {
  timeout: 400_000,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lacre-large-'))
  fill(join(folder, 'data'))
  await new FilesystemDriver(join(folder, 'data')).syncAll() // what was just written is not the start's to sync

  const started = performance.now()
  const registry = await openOn(new FilesystemDriver(join(folder, 'data')))
  const settling = settleAll(registry)
  const name = nameOf(REPOSITORIES - 1)
  const manifest = await getManifest(registry, name, parseReference('latest'))
  const firstAnswerMs = performance.now() - started
  assert.ok(firstAnswerMs < 1000, `the first answer took ${firstAnswerMs} ms`)

  const slowestMs = await pullMeanwhile(registry, settling)
  const settledMs = performance.now() - started
  assert.ok(settledMs < 30_000, `settling took ${settledMs} ms`)
  assert.ok(slowestMs < 3000, `a pull took ${slowestMs} ms while rows were settled`)
  assert.equal(manifest.digest, imageOfNumber(REPOSITORIES - 1).digest)
  assert.equal((await listTags(registry, LARGE, {})).tags.length, TAGS)
  assert.equal((await listRepositories(registry, { limit: 2 * REPOSITORIES })).repositories.length, REPOSITORIES + 1)
  closeRegistry(registry)

  const serverMs = await timeToFirstPull(folder)
  t.diagnostic(
    `volume of ${REPOSITORIES}: first answer after ${ms(firstAnswerMs)}, all settled after ${ms(settledMs)}, slowest pull meanwhile ${ms(slowestMs)}; ` +
      `a server's process pulls after ${ms(serverMs)}`,
  )
  await rm(folder, { recursive: true })
})

/** Pulls from repositories here and there until all is settled; returns the slowest. */
async function pullMeanwhile(registry: Parameters<typeof getManifest>[0], settling: Promise<void>): Promise<number> {
  let [isSettled, slowest] = [false, 0]
  void settling.then(() => {
    isSettled = true
  })
  for (let number = 0; !isSettled; number = (number + 997) % REPOSITORIES) {
    const started = performance.now()
    await getManifest(registry, nameOf(number), parseReference('latest'))
    await getBlob(registry, nameOf(number), digestOf(imageOfNumber(number).blobs[0] ?? ''))
    slowest = Math.max(slowest, performance.now() - started)
    await new Promise((wake) => setTimeout(wake, 20)) // clients do not pull all the time: the processor is settling's
  }
  await settling
  return slowest
}

async function timeToFirstPull(folder: string): Promise<number> {
  const started = performance.now()
  await using server: LacreProcess = await startLacre(folder)
  const { status } = await server.http.get(`/v2/${nameOf(4321)}/manifests/latest`)
  assert.equal(status, 200)
  return performance.now() - started
}

/** Writes the volume as a registry:2 would have left it, without its help: file by file. */
function fill(root: string): void {
  const write = (path: string, bytes: string | Buffer): void => {
    mkdirSync(join(root, parentOf(path)), { recursive: true })
    writeFileSync(join(root, path), bytes)
  }
  for (const { blobs, manifest } of images) for (const bytes of [...blobs, manifest]) write(blobData(digestOf(bytes)), bytes)
  for (let number = 0; number < REPOSITORIES; number++) link(write, nameOf(number), imageOfNumber(number), [parseTag('latest')])
  link(
    write,
    LARGE,
    imageOfNumber(0),
    Array.from({ length: TAGS }, (_, number) => parseTag(`v${number}`)),
  )
}

function link(write: (path: string, text: string) => void, repository: RepositoryName, { blobs, digest }: Image, tags: readonly Tag[]): void {
  const linked = (path: string, to: Digest): void => write(path, to)
  for (const blob of blobs) linked(layerLink(repository, digestOf(blob)), digestOf(blob))
  linked(revisionLink(repository, digest), digest)
  for (const tag of tags) linked(tagCurrentLink(repository, tag), digest)
  for (const tag of tags) linked(tagHistoryLink(repository, tag, digest), digest)
}

const nameOf = (number: number): RepositoryName => parseRepositoryName(`team-${number % 100}/app-${number}`)
const imageOfNumber = (number: number): Image => images[number % images.length] as Image
const ms = (time: number): string => `${Math.round(time)} ms`
