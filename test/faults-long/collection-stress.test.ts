import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { OciError } from '../../src/oci/error.ts'
import { collectGarbage } from '../../src/registry/collect-garbage.ts'
import { closeRegistry, type Registry } from '../../src/registry/registry.ts'
import { FilesystemDriver } from '../../src/volume/filesystem.ts'
import { randomBy } from '../support/choices.ts'
import { Client } from '../support/client.ts'
import { rebuiltRowsOf } from '../support/failures.ts'
import { imageOf } from '../support/images.ts'
import { Ledger } from '../support/ledger.ts'
import { openOn } from '../support/on-driver.ts'
import { rowsOf, verifyPromises } from '../support/verify.ts'

const ROUNDS = 25
const CHANGES = 60 // in each round, by each of three clients
const HOUR_MS = 3_600_000

const REPOSITORIES = ['one', 'one/below', 'two']
const TAGS = ['x', 'y', 'z']
const IMAGES = ['a', 'b', 'c', 'd', 'e'].map((name) => imageOf(name, [Buffer.from('shared layer'), Buffer.from(`own layer of ${name}`)]))
const BLOBS = [...new Set(IMAGES.flatMap(({ blobs }) => blobs.map((blob) => digestOf(blob))))]

test('pushes, mounts, deletions of referenced blobs too, restarts and collection end with no broken manifest', { timeout: 300_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lacre-stress-'))
  const ledger = new Ledger()
  const random = randomBy(5)
  const time = { value: 0 }
  let [collected, changes] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const clock = { now: () => Date.now() + time.value, monotonic: () => performance.now() + time.value }
    const registry = await openOn(new FilesystemDriver(folder), { clock })
    const counts = await Promise.all([
      ...Array.from({ length: 3 }, () => change(registry, ledger, random)),
      collectWhileServing(registry, ledger, () => collected++),
    ])
    changes += counts.reduce((sum, count) => sum + count)
    time.value += 2 * HOUR_MS // whatever nobody uses by the next round is over its grace
    await losing(registry, ledger, () => collectGarbage(registry, { graceMs: HOUR_MS, isServing: false, onCollected: () => collected++ }))
    await verifyPromises(registry, ledger)
    assert.deepEqual(rowsOf(registry), await rebuiltRowsOf(new FilesystemDriver(folder)))
    closeRegistry(registry)
  }
  assert.ok(collected > 0)
  t.diagnostic(`collection stress: ${ROUNDS} restarts, ${changes} changes, ${collected} collected, 0 broken manifests`)
  await rm(folder, { recursive: true })
})

async function change(registry: Registry, ledger: Ledger, random: () => number): Promise<number> {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  let acknowledged = 0
  for (let number = 0; number < CHANGES; number++) {
    const client = new Client(registry, ledger, pick(REPOSITORIES))
    const image = pick(IMAGES)
    const changes = [
      () => client.pushImage(image, pick(TAGS)),
      () => client.putManifest(image, pick(TAGS)),
      () => client.mount(digestOf(pick(image.blobs)), pick(REPOSITORIES)),
      () => client.deleteTag(pick(TAGS)),
      () => client.deleteManifest(image.digest, ...TAGS),
      () => client.deleteBlob(digestOf(pick(image.blobs))),
    ]
    await pick(changes)().then(
      () => acknowledged++,
      (error: unknown) => {
        if (!(error instanceof OciError) || error.status >= 500) throw error
      },
    )
  }
  return acknowledged
}

/** Again and again beside the clients, with a grace that protects what they are about to use. */
async function collectWhileServing(registry: Registry, ledger: Ledger, onCollected: () => void): Promise<number> {
  for (let number = 0; number < 10; number++)
    await losing(registry, ledger, () => collectGarbage(registry, { graceMs: HOUR_MS, isServing: true, deleteUntagged: false, onCollected }))
  return 0
}

/** Collection may take away blobs that no manifest names; which, the verification of manifests tells. */
async function losing(registry: Registry, ledger: Ledger, work: () => Promise<unknown>): Promise<void> {
  let run = work
  for (const repository of REPOSITORIES) {
    const next = run
    run = () => new Client(registry, ledger, repository).losing(BLOBS, next)
  }
  await run()
}
